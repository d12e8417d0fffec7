"""Blind comparison by eye: pairs of equal size without names, a page that takes votes, scores that follow from them."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.codecs import CODECS
from benchmarks.codecs.jpeg import Jpeg
from benchmarks.compare.scores import ELO, PRIOR, Vote, read_votes, score, strengths
from benchmarks.compare.trials import opened_key, prepare
from benchmarks.images import find_images

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def comparison(pictures):
    return prepare(list(find_images(pictures)), ["jpeg", "webp", "avif"], [0.5, 1.0], 128, 1, 7)


def test_all_pairs_of_equal_size_are_shown_once(comparison):
    assert len(comparison.originals) == 2
    seen = {(p.scene, frozenset((p.one, p.other))) for p in comparison.pairs}
    assert len(seen) == len(comparison.pairs) == 2 * 2 * 3
    for pair in comparison.pairs:
        one, other = comparison.key[pair.one], comparison.key[pair.other]
        assert one["codec"] != other["codec"] and (one["image"], one["bpp"]) == (other["image"], other["bpp"])
        assert abs(one["found_bpp"] / one["bpp"] - 1) < 0.1
    assert [p.scene for p in comparison.pairs] != sorted(p.scene for p in comparison.pairs)
    assert opened_key(comparison.sealed_key) == comparison.key and "avif" not in comparison.sealed_key


def test_a_codec_that_fails_or_misses_the_rate_is_a_gap(pictures, monkeypatch, capsys):
    class Broken(Jpeg):
        def encode(self, pixels, quality, threads):
            raise OSError("no such encoder")

    class Large(Jpeg):
        def encode(self, pixels, quality, threads):
            return super().encode(pixels, quality, threads) + bytes(100_000)

    monkeypatch.setitem(CODECS, "broken", Broken("broken", True, True))
    monkeypatch.setitem(CODECS, "large", Large("large", True, True))
    paths = list(find_images(pictures, most=1))
    found = prepare(paths, ["jpeg", "broken", "large", "webp"], [1.0], 64, 1, 0)
    assert [{found.key[n]["codec"] for n in (p.one, p.other)} for p in found.pairs] == [{"jpeg", "webp"}]
    said = capsys.readouterr()
    assert "no such encoder" in said.out + said.err and "differ too much in size" in said.out + said.err


def test_strengths_are_odds():
    """Three choices of four are odds of three to one, or 191 points, but for the choices that are added."""
    wins = np.array([[0.0, 3000.0], [1000.0, 0.0]])
    one, other = ELO * strengths(wins)
    assert one - other == pytest.approx(ELO * math.log(3), abs=0.5) and one + other == pytest.approx(0, abs=1e-6)
    never_lost = strengths(np.array([[0.0, 4.0], [0.0, 0.0]]))
    assert never_lost[0] - never_lost[1] == pytest.approx(math.log((4 + PRIOR) / PRIOR))


def drawn(points, images, rng, tie=False, person="somebody"):
    """Votes of a person who chooses as the points say, of each pair on each image."""
    names = list(points)
    for image in range(images):
        for i, one in enumerate(names):
            for other in names[:i]:
                chance = 1 / (1 + math.exp((points[other] - points[one]) / ELO))
                better, worse = (one, other) if rng.random() < chance else (other, one)
                yield Vote(better, worse, 0.3, person, str(image), tie)


def test_scores_find_the_points_that_choices_were_drawn_from():
    truth = {"good": 150.0, "middling": 0.0, "bad": -150.0}
    inside = 0
    for seed in range(8):
        rows = score(list(drawn(truth, 40, np.random.default_rng(seed))), seed)
        assert [row.codec for row in rows] == ["good", "middling", "bad"]
        inside += sum(row.low < truth[row.codec] < row.high for row in rows)
        assert all(row.low < row.points < row.high and row.votes == 80 for row in rows)
    assert inside >= 20  # of 24, of which 95% are 23


def test_ties_are_half_a_choice_each():
    rows = score(list(drawn({"a": 500.0, "b": -500.0}, 30, np.random.default_rng(0), tie=True)))
    assert [row.points for row in rows] == pytest.approx([0, 0], abs=1e-6)
    assert [row.preferred for row in rows] == [0.5, 0.5]


def test_intervals_hold_the_truth_though_persons_and_images_differ():
    """Where each person and each image shifts the points, intervals must be wider than single votes would tell."""
    inside, widths = 0, []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        own = {"person": rng.normal(0, 80, 8), "image": rng.normal(0, 80, 12)}
        votes = []
        for person, image in np.ndindex(8, 12):
            shift = own["person"][person] + own["image"][image]
            (vote,) = drawn({"a": 100 + shift, "b": -100.0}, 1, rng, person=str(person))
            votes.append(replace(vote, image=str(image)))
        best = {row.codec: row for row in score(votes, seed)}["a"]
        inside += best.low < 100 < best.high
        widths.append(best.high - best.low)
    assert inside >= 16 and np.mean(widths) > 80


def test_too_few_or_unanimous_votes_have_no_interval():
    rng = np.random.default_rng(0)
    for votes in (list(drawn({"a": 0.0, "b": 0.0}, 5, rng)), list(drawn({"a": 9000.0, "b": -9000.0}, 30, rng))):
        assert all(row.low is None and row.high is None for row in score(votes))


def saved(comparison, choices, voter="somebody"):
    votes = [
        {"left": pair.one, "right": pair.other, "choice": choice, "seconds": 1.0}
        for pair, choice in zip(comparison.pairs, choices, strict=False)
    ]
    return {"page": "x", "voter": voter, "sitting": "1", "key": comparison.sealed_key, "votes": votes}


def test_votes_are_read_as_they_were_given(comparison, tmp_path):
    path = tmp_path / "votes.json"
    path.write_text(json.dumps(saved(comparison, ["left", "right", "equal"])))
    first, second, third = read_votes([path])
    name = [[comparison.key[n]["codec"] for n in (p.one, p.other)] for p in comparison.pairs[:3]]
    assert (first.better, first.worse, first.tie) == (*name[0], False)
    assert (second.better, second.worse) == (name[1][1], name[1][0]) and third.tie
    assert (first.person, first.image) == ("somebody 1", comparison.key[comparison.pairs[0].one]["image"])


def test_a_vote_that_is_saved_twice_counts_once(comparison, tmp_path):
    """As when somebody saves now and then; somebody else of the same name is another person."""
    paths = [tmp_path / f"{n}.json" for n in range(3)]
    contents = [saved(comparison, ["left"]), saved(comparison, ["right", "left"]), saved(comparison, ["left"])]
    contents[2]["sitting"] = "2"
    for path, content in zip(paths, contents, strict=True):
        path.write_text(json.dumps(content))
    votes = read_votes(paths)
    assert [vote.person for vote in votes] == ["somebody 1", "somebody 1", "somebody 2"]
    assert votes[0].better == comparison.key[comparison.pairs[0].other]["codec"]


def test_what_are_no_votes_is_one_line(comparison, tmp_path):
    whole = saved(comparison, ["left"])
    path = tmp_path / "votes.json"
    for content in (
        "{", "[]", "{}", json.dumps({**whole, "key": "x"}), json.dumps({**whole, "votes": [{"left": 0}]}),
        json.dumps({**whole, "votes": [{**whole["votes"][0], "choice": "both"}]}),
        json.dumps({**whole, "votes": [{**whole["votes"][0], "left": 10**6}]}),
        json.dumps({**whole, "votes": [{**whole["votes"][0], "left": -1}]}),
    ):  # fmt: skip
        path.write_text(content)
        result = CliRunner().invoke(main, ["compare", "--score", str(path)])
        assert result.exit_code == 1 and "not a file of votes" in result.output, content
    path.write_text(json.dumps({**whole, "votes": []}))
    result = CliRunner().invoke(main, ["compare", "--score", str(path)])
    assert result.exit_code == 1 and "no votes" in result.output


def test_wrong_usage_is_told(pictures, tmp_path):
    for arguments, message in (
        ([str(pictures), str(pictures)], "one folder"),
        ([str(pictures), "--codecs", "lmc"], "two codecs"),
        ([str(pictures), "--codecs", "lmc,bpg"], "bpg"),
        ([str(pictures), "--bpp", "0"], "above 0"),
        ([str(pictures), "--bpp", "small"], "small"),
    ):
        result = CliRunner().invoke(main, ["compare", *arguments, "--out", str(tmp_path / "page.html")])
        assert result.exit_code == 2 and message in result.output, result.output
    assert not (tmp_path / "page.html").exists()


@pytest.fixture(scope="module")
def page(pictures, tmp_path_factory):
    path = tmp_path_factory.mktemp("compare") / "page.html"
    arguments = [
        "compare",
        str(pictures),
        "--codecs",
        "jpeg,webp",
        "--bpp",
        "0.5,1",
        "--side",
        "96",
        "--out",
        str(path),
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0 and "4 pairs of 2 images" in result.output, result.output
    return path


def test_the_page_is_alone_and_names_nobody(page):
    text = page.read_text(encoding="utf-8")
    for name in ("jpeg", "a.png", "http:", "https:", "libwebp"):
        assert name not in text.lower().replace("data:image/webp", ""), name


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_a_person_votes_in_a_browser(page, tmp_path):
    """From file://: by key and by button, undone, taken up again after a reload, saved, and scored."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        tab = browser.new_page()
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(page.as_uri())
        tab.click("#save")  # nothing without a name
        tab.fill("#voter", "Ada")
        tab.click("header b")
        assert tab.inner_text("#count") == "0 of 4" and tab.locator("#left img").get_attribute("src").startswith(
            "data:"
        )
        width = tab.wait_for_function("document.querySelector('#left img').naturalWidth")  # 0 until it is decoded
        assert width.json_value() == 96
        left = tab.locator("#left img").get_attribute("src")
        tab.keyboard.down(" ")
        assert tab.locator("#left img").get_attribute("src") == tab.locator("#middle img").get_attribute("src") != left
        tab.keyboard.press("1")  # no vote on the original
        assert tab.inner_text("#count") == "0 of 4"
        tab.keyboard.press("f")
        assert tab.is_visible("#middle") and not tab.is_visible("#left")
        tab.keyboard.up(" ")
        tab.keyboard.press("f")
        assert tab.locator("#left img").get_attribute("src") == left
        tab.keyboard.press("+")
        assert "scale(2)" in tab.locator("#left img").get_attribute("style")
        tab.keyboard.press("f")
        assert tab.is_visible("#left") and not tab.is_visible("#right")
        tab.keyboard.press("Tab")
        assert tab.is_visible("#right") and not tab.is_visible("#left")
        tab.keyboard.press("f")
        tab.keyboard.press("1")
        tab.keyboard.press("3")
        tab.keyboard.press("u")
        assert tab.inner_text("#count") == "1 of 4"
        before = tab.locator("#left img").get_attribute("src")
        for _ in range(5):
            tab.reload()
            assert tab.inner_text("#count") == "1 of 4" and tab.input_value("#voter") == "Ada"
            assert tab.locator("#left img").get_attribute("src") == before
        tab.click("#vote-right")
        tab.click("#vote-equal")
        tab.keyboard.press("ArrowRight")
        assert tab.is_visible("#done") and not tab.is_visible("#view")
        with tab.expect_download() as download:
            tab.keyboard.press("s")
        path = tmp_path / "votes.json"
        download.value.save_as(path)
        tab.on("dialog", lambda dialog: dialog.accept())
        tab.click("#restart")
        assert tab.inner_text("#count") == "0 of 4" and tab.input_value("#voter") == "" and tab.is_visible("#view")
        browser.close()
    assert not errors
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["voter"] == "Ada" and [v["choice"] for v in content["votes"]] == ["left", "right", "equal", "right"]
    result = CliRunner().invoke(main, ["compare", "--score", str(path)])
    assert result.exit_code == 0, result.output
    assert "all rates: 4 votes of 1 person" in result.output and "0.5 bpp: 2 votes" in result.output
    assert "jpeg" in result.output and "webp" in result.output
