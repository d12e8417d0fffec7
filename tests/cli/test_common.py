"""What commands share: extras that are missing are named before any work is done."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from codec.cli import common, main


@pytest.mark.parametrize(
    ("arguments", "extra", "package"),
    [
        (["search", "index", "."], "manifold", "usearch"),
        (["search", "query", "a.png"], "manifold", "jinja2"),
        (["map", "."], "manifold", "umap"),
        (["anomaly", "fit", ".", "--model", "made/m"], "manifold", "sklearn"),
        (["anomaly", "score", ".", "--model", "made/m"], "manifold", "sklearn"),
        (["interpolate", "a.png", "b.png", "--out", "made/c.gif", "--path", "geodesic"], "train", "torch"),
        (["train", "--data", ".", "--out", "made"], "train", "filelock"),
        (["export", "a.pt", "made"], "train", "onnx"),
        (["export", "a.pt", "made"], "train", "torch"),
        (["train-embedding", "--data", ".", "--out", "made/head"], "train", "torch"),
    ],
)
def test_a_missing_package_is_named_before_any_work(arguments, extra, package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(common, "find_spec", lambda name: None if name == package else object())
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1 and f"the extra [{extra}]" in result.output and package in result.output
    assert not list(tmp_path.iterdir())


def test_the_commands_load_with_a_click_whose_types_are_not_generic():
    """As before 8.4."""
    code = """
import click
class Old(click.ParamType):
    def __class_getitem__(cls, item):
        raise TypeError("not subscriptable")
click.ParamType = Old
from codec.cli import main
for command in main.list_commands(click.Context(main)):
    assert main.get_command(click.Context(main), command).get_help(click.Context(main))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
