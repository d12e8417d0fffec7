"""A short run of the fuzzer; ``python -m tests.fuzz`` is the long one."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

import codec
from bitstream import parse
from tests import fuzz

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files():
    return fuzz.corpus()


@pytest.fixture(autouse=True)
def alarm():
    before = signal.signal(signal.SIGALRM, fuzz._raise_hang)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(("target", "count"), [("symbols", 1500), ("pictures", 300)])
def test_hostile_files_end_as_pictures_or_errors(files, target, count):
    outcomes = Counter(fuzz.outcome(fuzz.TARGETS[target], fuzz.mutated(files, 1, n)) for n in range(count))
    assert [name for name in outcomes if name.startswith("!")] == []
    assert outcomes["picture"] > count // 20 and len(outcomes) >= 5


def test_the_corpus_is_sound_and_mutations_repeat(files):
    for data in files:
        codec.decompress(data)
    for number in range(40):
        assert fuzz.mutated(files, 3, number) == fuzz.mutated(files, 3, number)
    changed = [fuzz.structured(fuzz.np.random.default_rng(n), files[2]) for n in range(30)]
    assert len(set(changed)) > 25 and all(parse(data, fuzz.MAX_PIXELS**2) for data in changed)


def test_what_is_no_codec_error_is_a_finding(monkeypatch):
    def broken(data):
        raise KeyError("oops")

    def endless(data):
        while True:
            pass

    monkeypatch.setattr(fuzz, "SECONDS", 1)
    assert fuzz.outcome(broken, b"").startswith("! KeyError at test_fuzz.py")
    assert fuzz.outcome(endless, b"").startswith("! hang")
