"""``codec train`` and ``codec export``, which need the extra [train]."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import click

from bitstream.errors import CodecError, ModelError
from codec.cli.common import FILE, SEED, FiniteRange, needing, reporting, threads_option
from codec.engine.registry import DEFAULT_TUNE, MODELS, TUNES
from codec.util.files import replacing


@click.command()
@click.option(
    "--data", type=FILE, required=True, multiple=True, help="Folder of images to train on; may be given again."
)
@click.option("--out", type=FILE, required=True, help="Folder for checkpoints and figures; resumed if it has any.")
@click.option("--validation", type=FILE, multiple=True, help="Folder to evaluate on; may be given again.  "
              "[default: some of the data, held out]")  # fmt: skip
@click.option(
    "--from",
    "start_from",
    type=FILE,
    help="Start a new run from a checkpoint or an exported model; 'shipped' is ours for the metric.",
)
@click.option("--model-config", type=FILE, help="JSON file with the architecture and sizes of a new run's networks.")
@click.option("--steps", type=click.IntRange(1), help="Stop the stable run at this step.  [default: go on]")
@click.option("--decay", "decay_steps", type=click.IntRange(0), default=0, help="Train a decaying branch this long.")
@click.option("--harden", "harden_steps", type=click.IntRange(0), default=600, show_default=True, help="Steps after a "
              "decay that fit the distributions to rounded values.")  # fmt: skip
@click.option("--minutes", type=FiniteRange(0, min_open=True), help="Stop after this long by the clock.")
@click.option("--train-minutes", type=FiniteRange(0, min_open=True), help="Stop once the whole run has trained "
              "this long, counted as CPU time of one thread.")  # fmt: skip
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Crops a step and process.")
@click.option("--accumulate", type=click.IntRange(1), default=1, show_default=True, help="Compute a batch in so many "
              "parts, to save memory.")  # fmt: skip
@click.option("--size", type=click.IntRange(64), default=256, show_default=True, help="Side of a crop, a multiple of "
              "64.")  # fmt: skip
@click.option("--metric", type=click.Choice(("psnr", "ms-ssim", "visual")), help="What distortion is measured by.  "
              "[default: as before, or psnr]")  # fmt: skip
@click.option("--optimizer", type=click.Choice(("adamw", "soap")), default="adamw", show_default=True, help="soap: for "
              "the large matrices, and Adam for the rest.")  # fmt: skip
@click.option("--soap-basis", "soap_basis_steps", type=click.IntRange(1), default=50, show_default=True, help="Steps "
              "between renewals of SOAP's basis.")  # fmt: skip
@click.option("--soap-statistics", "soap_statistics_steps", type=click.IntRange(1), default=5, show_default=True,
              help="Steps between gatherings of the statistics behind it.")  # fmt: skip
@click.option("--learning-rate", type=FiniteRange(0, min_open=True), default=1.6e-3, show_default=True)
@click.option("--device", type=click.Choice(("auto", "cpu", "cuda", "mps")), default="auto", show_default=True)
@click.option("--precision", type=click.Choice(("auto", "float32", "bfloat16")), default="auto", show_default=True,
              help="Of the networks; auto takes what is faster.")  # fmt: skip
@click.option("--compile", is_flag=True, help="Fuse operations first: a minute and a C++ compiler for faster steps.")
@click.option("--pieces", "piece_megabytes", type=click.IntRange(1), help="Save checkpoints in pieces of at most so "
              "many MB, the optimiser's state in 16 bits.")  # fmt: skip
@threads_option
@reporting
@needing("train")
def train(model_config: Path | None, **options: object) -> None:
    """Train the model (needs the extra [train]); under torchrun, in several processes."""
    from codec.models.device import keep_freed_memory
    from codec.training.config import TrainingConfig
    from codec.training.run import train as run

    keep_freed_memory()
    if str(options["start_from"]) == "shipped":
        metric = str(options["metric"] or "psnr")
        options["start_from"] = MODELS / (metric if metric in TUNES else DEFAULT_TUNE)
    if model_config is not None:
        options["model"] = _read_sizes(model_config)
    run(TrainingConfig(**options))  # type: ignore[arg-type]


def _read_sizes(path: Path) -> object:
    """Sizes of networks from a JSON file.

    Raises:
        CodecError: it is none, or names what a model has not.
        OSError: it cannot be read.
    """
    from codec.models.registry import DEFAULT, architecture

    try:
        sizes = json.loads(path.read_text(encoding="utf-8"))
        config_type = architecture(str(sizes.pop("architecture", DEFAULT))).Config
        known = {field.name: type(field.default) for field in fields(config_type)}
        wrong = [name for name, value in sizes.items() if type(value) is not known.get(name)]
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise CodecError(f"{path}: not a JSON object with sizes of networks") from error
    if wrong:
        raise CodecError(f"{path}: a model has no {', '.join(wrong)} of such a type; it has {', '.join(known)}")
    config = config_type(**sizes)
    try:
        config.check()
    except ValueError as error:
        raise CodecError(f"{path}: {error}") from error
    return config


@click.command()
@click.argument("source", metavar="[SOURCE] OUT", nargs=-1, required=True, type=FILE)
@click.option("--last", is_flag=True, help="The last weights rather than their running average.")
@click.option("--web", is_flag=True, help="For web pages: a folder with the viewer and what decoding needs.")
@reporting
@needing("train", "onnx")
def export(source: tuple[Path, ...], last: bool, web: bool) -> None:
    """Export SOURCE, a checkpoint, to the folder OUT, checked against the trained model.

    With --web, SOURCE is the folder of an exported model, or left out for all that ship. OUT is a folder for a web
    server then, with the viewer, the JavaScript that decodes, and the models. Needs the extra [train].
    """
    if len(source) > 2 or (len(source) < 2 and not web):
        raise click.UsageError("expected OUT and what to export" if len(source) < 2 else f"{source[2]}: one too many")
    *given, out = source
    if web:
        if last:
            raise click.UsageError("--last: a model has been exported with its weights, so there are no others")
        _export_for_web(given, out)
        return
    from codec.training.checkpoint import load_model
    from codec.training.export import export as export_model

    export_model(load_model(given[0], averaged=not last), out)
    click.echo(f"exported to {out}")


def _export_for_web(folders: list[Path], out: Path) -> None:
    from codec.engine.manifest import read_manifest
    from codec.web import site
    from codec.web.archive import pack_model

    folders = folders or [MODELS / tune for tune in TUNES]
    models = {read_manifest(folder).model_id.hex(): pack_model(folder, slim=True) for folder in folders}
    for name, data in {**site.site(models), "viewer-offline.html": site.single_page(models)}.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        with replacing(out / name, overwrite=True) as temporary:
            temporary.write_bytes(data)
    click.echo(f"{out}: open viewer-offline.html, or serve the folder; it decodes files of {', '.join(models)}")
