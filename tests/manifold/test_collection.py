"""Collections: which images they have, and working through them with errors in between."""

from __future__ import annotations

import threading
import time

import pytest

from codec.manifold.collection import each, image_files, without_copies


def test_pictures_are_found_below_folders_in_order_and_once(tmp_path):
    for name in ("b/2.PNG", "b/10.lmc", "a.jpg", ".hidden.png", "notes.txt", "b/.part-1.png", ".trash/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = image_files([tmp_path, tmp_path / "a.jpg", tmp_path / "notes.txt"])
    # What is named is taken whatever it is called; in folders suffixes decide.
    assert [p.relative_to(tmp_path).as_posix() for p in found] == ["a.jpg", "b/10.lmc", "b/2.PNG", "notes.txt"]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        image_files([tmp_path / "nowhere"])


def test_files_beside_the_pictures_they_were_made_from_are_copies(tmp_path):
    names = ("a.jpg", "a.lmc", "b.png.lmc", "b.png", "c.lmc", "d/a.lmc", "e.f.lmc", "e.png")
    kept = without_copies([tmp_path / name for name in names])
    assert [p.relative_to(tmp_path).as_posix() for p in kept] == [
        "a.jpg",
        "b.png",
        "c.lmc",
        "d/a.lmc",
        "e.f.lmc",
        "e.png",
    ]


@pytest.mark.parametrize("jobs", [1, 3])
def test_results_come_in_order_and_errors_take_their_place(tmp_path, jobs):
    paths = [tmp_path / str(i) for i in range(20)]

    def work(path, progress):
        if path.name == "7":
            raise OSError("broken")
        return int(path.name)

    results = list(each(paths, work, jobs))
    assert [path for path, _ in results] == paths
    assert [value for _, value in results if not isinstance(value, Exception)] == [i for i in range(20) if i != 7]
    assert str(results[7][1]) == "broken"


def test_little_is_worked_on_ahead(tmp_path):
    begun = []
    lock = threading.Lock()

    def work(path, progress):
        with lock:
            begun.append(path)

    results = each([tmp_path / str(i) for i in range(100)], work, jobs=2)
    next(results)
    results.close()
    assert len(begun) <= 4


def test_what_is_in_work_is_stopped_when_nobody_wants_the_results(tmp_path):
    begun, stopped = threading.Event(), threading.Event()

    def work(path, progress):
        if path.name == "0":
            return 0
        begun.set()
        try:
            for done in range(10_000):
                progress(done, 10_000)
                time.sleep(0.001)
        except InterruptedError:
            stopped.set()
            raise
        return 1

    results = each([tmp_path / str(i) for i in range(3)], work, jobs=1)
    next(results)
    assert begun.wait(10)
    results.close()
    assert stopped.is_set()
