"""``codec anomaly``, which needs the extra [manifold]."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from bitstream.errors import CodecError
from codec.cli.common import FILE, force_option, jobs_option, needing, prepare, reporting, threads_option
from codec.cli.map_images import map_images
from codec.util.progress import Progress

_model_option = click.option("--model", type=FILE, required=True, help="File that says what is normal.")


@click.group()
def anomaly() -> None:
    """Find images that do not belong, in files that stay compressed (needs the extra [manifold])."""


@anomaly.command()
@click.argument("paths", metavar="PATH...", type=FILE, nargs=-1, required=True)
@_model_option
@jobs_option
@force_option
@threads_option
@reporting
@needing("manifold")
def fit(paths: tuple[Path, ...], model: Path, jobs: int, force: bool, threads: int | None) -> None:
    """Learn what is normal from the images of folders, and of those below, and from single ones.

    At least 20 are needed. From .lmc files it takes no pixels; from ordinary images it also learns what errors
    their coding makes.
    """
    from codec.manifold.anomaly.calibration import MIN_IMAGES, Collection
    from codec.manifold.anomaly.features import ImageFeatures, image_features
    from codec.manifold.collection import image_files, without_copies
    from codec.manifold.embedding import shipped
    from codec.manifold.loading import most_common_tune

    prepare(model, force)
    found_images = image_files(paths)
    images = without_copies(found_images)
    head = shipped(most_common_tune(images))
    if len(images) < len(found_images):
        count = len(found_images) - len(images)
        click.echo(f"Note: {count} .lmc files are left out, as the images they were made from are there too", err=True)

    def look(path: Path, progress: Progress) -> ImageFeatures:
        return image_features(path, head, threads=threads, progress=progress)

    too_few = "{} images to learn from; at least " + f"{MIN_IMAGES} are needed"
    if len(images) < MIN_IMAGES:
        raise CodecError(too_few.format(len(images)))
    found, failed = map_images(images, look, jobs)
    known = list(found.values())
    if len(known) < MIN_IMAGES:
        raise CodecError(too_few.format(len(known)))
    Collection.fit(known, head).save(model, force)
    if 0 < sum(features.error is None for features in known) < len(known):
        click.echo("Note: some of them are .lmc files, so what errors coding makes is not learned", err=True)
    click.echo(f"{click.format_filename(model)}: learned from {len(known)} images", err=True)
    if failed:
        sys.exit(1)


@anomaly.command()
@click.argument("paths", metavar="PATH...", type=FILE, nargs=-1, required=True)
@_model_option
@jobs_option
@click.option("--heat-maps", type=FILE, help="Folder for images of where each is odd.")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@threads_option
@reporting
@needing("manifold")
def score(
    paths: tuple[Path, ...],
    model: Path,
    jobs: int,
    heat_maps: Path | None,
    force: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Say how odd images are, the oddest first.

    A score is a power of ten: 2 means that one image in a hundred of the collection is as odd, 3 one in a thousand.
    """
    from codec.manifold.anomaly.calibration import Collection, Score
    from codec.manifold.anomaly.features import file_features
    from codec.manifold.anomaly.heat import heat_map
    from codec.manifold.collection import image_files
    from codec.manifold.loading import at_rest, is_coded, open_coded
    from codec.util.files import replacing

    collection, images = Collection.load(model), image_files(paths)
    head = collection.head
    if not images:
        raise click.ClickException("no images found")
    targets = {} if heat_maps is None else _targets(images, heat_maps)
    for target in targets.values():
        prepare(target, force)

    def look(path: Path, progress: Progress) -> Score:
        held = at_rest(path)
        with open_coded(held, tune=head.tune, threads=threads, progress=progress) as file:
            features = file_features(file, head, None if is_coded(held) else held, progress)
            if path in targets:
                image = heat_map(file, collection.heat(file, progress))
                with replacing(targets[path], force) as temporary:
                    image.save(temporary, "PNG")
        return collection.score(features)

    found, failed = map_images(images, look, jobs)
    ranked = sorted(found.items(), key=lambda item: -item[1].score)
    if as_json:
        rows = [
            {"path": str(p), "score": round(s.score, 4), **{k: round(v, 4) for k, v in s.parts.items()}}
            for p, s in ranked
        ]
        click.echo(json.dumps(rows, indent=1))
    else:
        for path, one in ranked:
            parts = "  ".join(f"{name} {value:.2f}" for name, value in one.parts.items())
            click.echo(f"{one.score:6.2f}  {click.format_filename(path)}  ({parts})")
    if failed:
        sys.exit(1)


def _targets(images: list[Path], folder: Path) -> dict[Path, Path]:
    """Where maps go: they lie in their folder as the images lie in the one they have in common."""
    from codec.manifold.collection import absolute

    places = {path: absolute(path) for path in images}
    try:
        common = Path(os.path.commonpath([place.parent for place in places.values()]))
    except ValueError:  # of several drives, which become folders
        return {
            path: folder / place.drive.strip(":\\/") / f"{place.relative_to(place.anchor)}.png"
            for path, place in places.items()
        }
    return {path: folder / f"{place.relative_to(common)}.png" for path, place in places.items()}
