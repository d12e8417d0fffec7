"""The benchmark suite's command: ``python -m benchmarks`` (extra ``[bench]``)."""

from __future__ import annotations

import click

from benchmarks.batch import main as batch
from benchmarks.commands import list_codecs, rd, readme
from benchmarks.compare.command import main as compare
from benchmarks.cost import main as cost
from benchmarks.effort import main as effort
from benchmarks.graphics.command import main as graphics
from benchmarks.lossless import main as lossless
from benchmarks.manifold.anomalies import main as anomaly
from benchmarks.manifold.continuity import main as continuity
from benchmarks.manifold.defects import main as defects
from benchmarks.manifold.morphs import main as morph
from benchmarks.manifold.pages import main as docs
from benchmarks.manifold.paths import main as geodesic
from benchmarks.manifold.retrieval import main as search
from benchmarks.photographs import main as photographs
from benchmarks.quality_scale import main as quality_scale
from benchmarks.quick import main as quick
from benchmarks.robustness.command import main as robustness
from benchmarks.speed import main as speed
from benchmarks.targets import main as targets
from benchmarks.train_speed import main as train_speed
from benchmarks.training import main as training
from benchmarks.web import main as web
from bitstream.errors import CodecError


class _Reporting(click.Group):
    """Turns errors of the codec, such as a folder without a model, into one line."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CodecError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Reporting, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Rate, distortion, speed, memory and cost of this codec and of those a user would pick instead."""


main.add_command(list_codecs, "list")
main.add_command(rd, "rd")
main.add_command(readme, "readme")
main.add_command(photographs, "photographs")
main.add_command(quality_scale, "quality-scale")
main.add_command(quick, "quick")
main.add_command(compare, "compare")
main.add_command(graphics, "graphics")
main.add_command(lossless, "lossless")
main.add_command(robustness, "robustness")
main.add_command(effort, "effort")
main.add_command(web, "web")
main.add_command(batch, "batch")
main.add_command(speed, "speed")
main.add_command(targets, "targets")
main.add_command(training, "training")
main.add_command(train_speed, "train-speed")
main.add_command(cost, "cost")
main.add_command(docs, "docs")
main.add_command(search, "search")
main.add_command(continuity, "continuity")
main.add_command(geodesic, "geodesic")
main.add_command(morph, "morph")
main.add_command(defects, "defects")
main.add_command(anomaly, "anomaly")

if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
