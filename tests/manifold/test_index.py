"""The index: what is added stays, what changed is seen, what is gone is forgotten, whatever happens in between."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from bitstream import CodecError, ModelError
from codec.cli import main
from codec.manifold import embedding, index
from codec.manifold.embedding import embed
from codec.manifold.index import Index
from codec.manifold.record import THUMBNAIL, make_record


@pytest.fixture(scope="module")
def coded(photo_folder, tmp_path_factory):
    """The photographs as .lmc files."""
    folder = tmp_path_factory.mktemp("coded")
    for path in photo_folder.iterdir():
        with Image.open(path) as image:
            (folder / f"{path.stem}.lmc").write_bytes(codec.compress(image.resize((256, 192)), 40))
    return folder


@pytest.fixture
def folder(coded, tmp_path):
    return shutil.copytree(coded, tmp_path / "pictures")


def search(*arguments):
    return CliRunner().invoke(main, ["search", *map(str, arguments)])


def test_a_folder_of_coded_files_is_indexed_once_and_kept_up_to_date(folder, tmp_path):
    database = tmp_path / "all.index"
    first = search("index", folder, "--index", database)
    assert first.exit_code == 0, first.output
    assert "3 images; 3 added, 0 unchanged, 0 removed" in first.output
    assert "0 added, 3 unchanged" in search("index", folder, "--index", database).output
    (folder / "coffee.lmc").unlink()
    (folder / "chelsea.lmc").write_bytes((folder / "astronaut.lmc").read_bytes())
    assert "2 images; 1 added, 1 unchanged, 1 removed" in search("index", folder, "--index", database).output
    with Index(database) as found:
        matches = found.nearest(embed(folder / "astronaut.lmc"))
        assert [match.similarity for match in matches] == pytest.approx([1, 1], abs=1e-5)


def test_what_is_gone_altogether_is_forgotten_too(folder, tmp_path):
    database = tmp_path / "all.index"
    search("index", folder, "--index", database)
    (folder / "coffee.lmc").unlink()
    result = search("index", folder / "coffee.lmc", "--index", database)
    assert result.exit_code == 0 and "2 images; 0 added, 0 unchanged, 1 removed" in result.output
    (folder / "chelsea.lmc").unlink()
    result = search("index", folder, tmp_path / "mistyped", "--index", database)
    assert result.exit_code == 1 and "mistyped" in result.output
    assert "1 images; 0 added, 1 unchanged, 1 removed" in search("index", folder, "--index", database).output
    shutil.rmtree(folder)
    assert "0 images; 0 added, 0 unchanged, 1 removed" in search("index", folder, "--index", database).output
    assert search("index", folder, "--index", database).exit_code == 1
    assert search("index", folder, "--index", tmp_path / "new").exit_code == 1 and not (tmp_path / "new").exists()


def test_a_picture_that_was_spoilt_is_not_found_as_what_it_was(folder, tmp_path):
    database = tmp_path / "all.index"
    search("index", folder, "--index", database)
    (folder / "coffee.lmc").write_bytes(b"spoilt")
    result = search("index", folder, "--index", database)
    assert result.exit_code == 1 and "2 images; 0 added, 2 unchanged, 1 removed, 1 failed" in result.output


def test_what_lies_outside_the_folders_is_not_forgotten(folder, tmp_path):
    inner = folder / "inner"
    inner.mkdir()
    (folder / "coffee.lmc").rename(inner / "coffee.lmc")
    database = tmp_path / "all.index"
    search("index", folder, "--index", database)
    (folder / "chelsea.lmc").unlink()
    assert "3 images; 0 added, 1 unchanged, 0 removed" in search("index", inner, "--index", database).output


def test_a_query_finds_the_picture_it_is_a_version_of(folder, photo_folder, tmp_path):
    database, page = tmp_path / "all.index", tmp_path / "found.html"
    search("index", folder, "--index", database)
    with Image.open(photo_folder / "coffee.png") as image:
        image.resize((300, 200)).save(tmp_path / "other.jpg", quality=40)
    result = search("query", tmp_path / "other.jpg", "--index", database, "-k", 2, "--json", "--html", page)
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert len(found) == 2 and found[0]["path"].endswith("coffee.lmc")
    assert found[0]["similarity"] > found[1]["similarity"]
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/jpeg;base64,") == 3 and "coffee.lmc" in text
    assert 'href="pictures/coffee.lmc"' in text and "http" not in text.replace("http-equiv", "")
    assert search("query", folder / "coffee.lmc", "--index", database, "--html", database, "-f").exit_code == 2


def test_names_with_markup_are_escaped(folder, tmp_path):
    (folder / "coffee.lmc").rename(folder / "<b>&.lmc")
    search("index", folder, "--index", tmp_path / "i")
    search("query", folder / "<b>&.lmc", "--index", tmp_path / "i", "--html", tmp_path / "p.html")
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "<b>&.lmc" not in text and "&lt;b&gt;&amp;.lmc" in text


@pytest.mark.skipif(sys.platform != "linux", reason="only here can names be any bytes")
def test_names_that_are_no_text_are_indexed_and_shown(folder, tmp_path):
    odd = folder / os.fsdecode(b"caf\xe9.lmc")
    (folder / "coffee.lmc").rename(odd)
    assert "3 added" in search("index", folder, "--index", tmp_path / "i").output
    assert "3 unchanged" in search("index", folder, "--index", tmp_path / "i").output
    result = search("query", odd, "--index", tmp_path / "i", "-k", 1, "--html", tmp_path / "p.html")
    assert result.exit_code == 0 and "caf" in result.output
    assert "caf%E9.lmc" in (tmp_path / "p.html").read_text(encoding="utf-8")
    assert search("query", odd, "--index", tmp_path / "i", "--html", tmp_path / "p.html").exit_code == 1


def test_one_broken_file_does_not_stop_the_rest(folder, tmp_path):
    (folder / "broken.lmc").write_bytes((folder / "coffee.lmc").read_bytes()[:200])
    (folder / "empty.png").touch()
    result = search("index", folder, "--index", tmp_path / "i", "-j", 2)
    assert result.exit_code == 1
    assert "3 images; 3 added" in result.output
    assert result.output.count("Error: ") == 2 and "broken.lmc" in result.output and "empty.png" in result.output


def test_an_interruption_loses_nothing_that_was_added(folder, tmp_path, monkeypatch):
    calls = []

    def interrupted(path, **options):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(path)
        return make_record(path, **options)

    monkeypatch.setattr(index, "make_record", interrupted)
    with Index(tmp_path / "i", create=True) as database, pytest.raises(KeyboardInterrupt):
        database.update(sorted(folder.iterdir()))
    monkeypatch.undo()
    with Index(tmp_path / "i") as database:
        kept = len(database)
        update = database.update(sorted(folder.iterdir()))
        assert 1 <= kept <= 2 and (update.kept, update.added) == (kept, 3 - kept)


def test_index_and_pictures_can_move_together(folder, tmp_path):
    search("index", folder, "--index", folder / "here.index")
    moved = folder.rename(tmp_path / "moved")
    result = search("query", moved / "coffee.lmc", "--index", moved / "here.index", "-k", 1, "--json")
    assert json.loads(result.output)[0]["path"] == str(moved / "coffee.lmc")
    assert "0 added, 3 unchanged" in search("index", moved, "--index", moved / "here.index").output


def test_what_is_no_index_is_refused_and_left_alone(folder, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"no database at all, but long enough to be looked at as one" * 20)
    before = wrong.read_bytes()
    with pytest.raises(CodecError):
        Index(wrong, create=True)
    assert wrong.read_bytes() == before
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE t (x)")
    database.close()
    with pytest.raises(CodecError, match="not an index"):
        Index(other, create=True)
    (tmp_path / "empty").touch()
    assert search("query", folder / "coffee.lmc", "--index", tmp_path / "empty").exit_code == 1
    assert not (tmp_path / "empty").stat().st_size
    missing = search("query", folder / "coffee.lmc", "--index", tmp_path / "nowhere")
    assert missing.exit_code == 1 and "codec search index" in missing.output
    assert not (tmp_path / "nowhere").exists()


def test_an_index_of_another_head_is_refused(folder, tmp_path):
    search("index", folder, "--index", tmp_path / "i")
    head = embedding.shipped()
    changed = embedding.EmbeddingHead(**{**vars(head), "scale": head.scale * 2})
    assert changed.digest != head.digest
    with pytest.raises(ModelError, match="another model"):
        Index(tmp_path / "i", head=changed)


def test_nearest_is_by_cosine_and_exact(tmp_path):
    rng = np.random.default_rng(0)
    with Index(tmp_path / "i", create=True) as database:
        vectors = rng.normal(size=(50, database.head.dimensions)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        for i, vector in enumerate(vectors):
            database.store.put(tmp_path / f"{i:02d}", (0, 0), index.Record(1, 1, vector, b""))
        assert database.nearest(vectors[0], k=0) == []
        matches = database.nearest(vectors[7], k=60)
    similarity = vectors @ vectors[7]
    assert [int(m.path.name) for m in matches] == np.argsort(-similarity).tolist()
    np.testing.assert_allclose([m.similarity for m in matches], np.sort(similarity)[::-1], atol=1e-5)


def test_thumbnails_of_small_pictures_are_not_smaller_still(face):
    for side in (1, 40, 100, 200):
        record = make_record(Image.fromarray(face).resize((side, side)))
        with Image.open(io.BytesIO(record.thumbnail)) as small:
            assert min(side, 50) <= small.width <= side


def test_thumbnails_are_small_and_of_the_picture(face):
    for mode in ("L", "RGB", "RGBA"):
        record = make_record(codec.compress(Image.fromarray(face).convert(mode).resize((1600, 400)), 40))
        assert (record.width, record.height) == (1600, 400)
        with Image.open(io.BytesIO(record.thumbnail)) as small:
            assert max(small.size) <= THUMBNAIL and small.width == pytest.approx(4 * small.height, abs=4)
            wanted = Image.fromarray(face).convert(mode).convert("RGB").resize(small.size)
            error = np.abs(np.asarray(small, float) - np.asarray(wanted, float)).mean()
            assert error < 12
    wide = make_record(codec.compress(face.astype(np.uint16)[:, :, 0] * 257, 40))
    with Image.open(io.BytesIO(wide.thumbnail)) as small:
        assert abs(np.asarray(small, float).mean() - face[:, :, 0].mean()) < 6
