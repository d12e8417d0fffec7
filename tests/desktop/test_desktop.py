"""What the desktop is told of files, and that all of it can be taken back."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from skimage import data

import codec
from codec.cli import main
from codec.cli.preview import scale_for
from codec.desktop.contents import MEDIA_TYPE, contents, quoted, quoted_for_shell
from codec.desktop.integration import Place, install, status, types_seen, uninstall
from tests.bitstream.test_vectors import PICTURES

PHOTO = PICTURES / "colour-high.lmc"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home folder, which is this process' own."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


def listing(folder: Path) -> dict[str, str]:
    """All files and folders below a folder, and what is in them."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
    }


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_what_is_installed_is_taken_back_to_the_byte(home):
    for _ in range(2):
        result = CliRunner().invoke(main, ["desktop", "install"])
        assert result.exit_code == 0, result.output
        assert "GNOME" in result.output
        installed = listing(home)
        assert CliRunner().invoke(main, ["desktop", "install"]).exit_code == 0  # again changes nothing
        assert listing(home) == installed
    assert set(status(Place.of_user()).values()) == {"installed"}
    assert CliRunner().invoke(main, ["desktop", "status"]).output.count("installed  ") == 5
    assert CliRunner().invoke(main, ["desktop", "uninstall"]).exit_code == 0
    assert listing(home) == {}
    assert set(status(Place.of_user()).values()) == {"missing"}
    result = CliRunner().invoke(main, ["desktop", "uninstall"])
    assert result.exit_code == 1 and "nothing is installed" in result.output


@pytest.mark.parametrize("magic", ["", "0\tstring\tX\tours\n", "0\tstring\tX\tno end of line"])
def test_what_others_have_there_stays(home, magic):
    share = home / ".local" / "share"
    put(home / ".magic", magic)
    put(share / "icons" / "hicolor" / "index.theme", "[Icon Theme]\n")
    put(share / "applications" / "other.desktop", "[Desktop Entry]\nType=Application\nName=Other\nExec=true\n"
        "MimeType=image/png;\n")  # fmt: skip
    put(share / "mime" / "packages" / "other.xml", '<?xml version="1.0"?>\n<mime-info '
        'xmlns="http://www.freedesktop.org/standards/shared-mime-info"><mime-type type="image/x-other">'
        '<glob pattern="*.other"/></mime-type></mime-info>\n')  # fmt: skip
    for program, room in (("update-mime-database", "mime"), ("update-desktop-database", "applications")):
        if shutil.which(program):
            subprocess.run([program, str(share / room)], check=True)
    before = listing(home)
    install(Place.of_user())
    assert listing(home) != before
    uninstall(Place.of_user())
    after = listing(home)
    # The time is in the first line of that file.
    assert {**after, ".local/share/mime/version": ""} == {**before, ".local/share/mime/version": ""}


def test_what_was_added_meanwhile_stays(home):
    install(Place.of_user())
    mine = home / ".local" / "share" / "applications" / "mine.desktop"
    put(mine, "[Desktop Entry]\nType=Application\nName=Mine\nExec=true\n")
    uninstall(Place.of_user())
    assert mine.exists() and not (home / ".magic").exists()


def test_lines_that_were_added_to_magic_stay(home):
    install(Place.of_user())
    magic = home / ".magic"
    magic.write_text(magic.read_text() + "0\tstring\tMINE\tmine\n")
    install(Place.of_user())
    assert "MINE" in magic.read_text()
    uninstall(Place.of_user())
    assert magic.read_text() == "0\tstring\tMINE\tmine\n"


def test_magic_may_be_a_link(home, tmp_path):
    (home / ".magic").symlink_to(tmp_path / "elsewhere")
    install(Place.of_user())
    assert (tmp_path / "elsewhere").is_file()
    uninstall(Place.of_user())
    assert (home / ".magic").is_symlink() and not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("record", [None, "[", "{}"])
def test_without_a_sound_record_all_that_is_known_is_removed(home, record):
    place = Place.of_user()
    install(place)
    if record is None:
        place.record.unlink()
    else:
        place.record.write_text(record)
    uninstall(place)
    assert set(status(place).values()) == {"missing"} and not place.record.exists() and not place.magic.exists()
    install(place)


def test_an_install_that_fails_leaves_nothing(home):
    put(home / ".local" / "share" / "icons", "not a folder")
    before = listing(home)
    with pytest.raises(OSError, match="icons"):
        install(Place.of_user())
    assert listing(home) == before


@pytest.mark.parametrize("value", ["relative", "~/share", ""])
def test_a_data_folder_that_is_not_absolute_is_no_data_folder(home, monkeypatch, value):
    monkeypatch.setenv("XDG_DATA_HOME", value)
    assert Place.of_user().data == home / ".local" / "share"


def test_nothing_is_imported_from_beside_an_image(home, tmp_path):
    for name in ("codec", "click", "json"):
        (tmp_path / f"{name}.py").write_text("open('evil', 'w')\n")
    (tmp_path / "photo.lmc").write_bytes(codec.compress(data.astronaut()[:100, :130], 40))
    arguments = thumbnailer_command(tmp_path / "photo.lmc", tmp_path / "out.png")
    subprocess.run(arguments, check=True, cwd=tmp_path, timeout=60)
    assert (tmp_path / "out.png").exists() and not (tmp_path / "evil").exists()


def thumbnailer_command(path: Path, out: Path) -> list[str]:
    """What a file manager runs."""
    entry = contents(sys.executable)["thumbnailers/manifold-codec.thumbnailer"]
    line = next(line for line in entry.splitlines() if line.startswith("Exec=")).removeprefix("Exec=")
    codes = {"%i": str(path), "%o": str(out), "%s": "64", "%%": "%"}
    return [codes.get(word, word) for word in shlex.split(line.replace("\\\\", "\\"))]


def test_programs_know_the_type_without_a_suffix(home, tmp_path):
    install(Place.of_user())
    nameless = tmp_path / "nameless"
    shutil.copy(PHOTO, nameless)
    seen = dict(types_seen(nameless))
    if not seen:
        pytest.skip("none of gio, xdg-mime and file is installed")
    assert set(seen.values()) == {MEDIA_TYPE}, seen


@pytest.mark.skipif(not shutil.which("gio"), reason="gio is not installed")
def test_a_double_click_opens_the_viewer(home):
    def applications() -> str:
        return subprocess.run(["gio", "mime", MEDIA_TYPE], capture_output=True, text=True, check=False).stdout

    assert "manifold-codec.desktop" not in applications()
    install(Place.of_user())
    if not shutil.which("update-desktop-database"):
        pytest.skip("desktop-file-utils are not installed")
    assert "manifold-codec.desktop" in applications()


@pytest.mark.parametrize("name", ["plain", "a b", "50%", 'quo"te', "o'clock", "$HOME", "back\\slash", "`x`"])
def test_paths_survive_the_quoting_of_entries(name):
    path = f"/opt/{name}/python"
    # A reader of entries first takes back a level of backslashes, then splits, and then replaces field codes.
    for quote in (quoted, quoted_for_shell):
        in_entry = quote(path).replace("\\\\", "\0").replace("\0", "\\")
        done = subprocess.run(["bash", "-c", f"printf %s {in_entry}"], capture_output=True, text=True, check=True)
        assert done.stdout == path.replace("%", "%%")
    assert f"TryExec={path}\n" in contents(path)["thumbnailers/manifold-codec.thumbnailer"]


@pytest.mark.parametrize(
    ("size", "wanted", "scale"),
    [((768, 512), 128, 8), ((768, 512), 768, 1), ((1000, 1000), 128, 8), ((64, 64), 256, 1), ((4000, 3000), 256, 16),
     ((3000, 2000), 512, 8), ((9000, 20), 128, 16), ((20000, 100), 4096, 8)],
)  # fmt: skip
def test_the_coarsest_scale_that_suffices_is_taken(size, wanted, scale):
    assert scale_for(size, wanted) == scale


def test_a_preview_is_no_larger_than_asked_for(tmp_path):
    (tmp_path / "photo.lmc").write_bytes(codec.compress(data.astronaut()[:300, :420], 40))
    for size, expected in ((100, (100, 71)), (256, (210, 150)), (1000, (420, 300))):
        out = tmp_path / f"{size}.png"
        result = CliRunner().invoke(main, ["preview", str(tmp_path / "photo.lmc"), str(out), "--size", str(size)])
        assert result.exit_code == 0, result.output
        with Image.open(out) as image:
            assert image.size == expected and image.format == "PNG"


def test_a_preview_goes_into_an_empty_file_that_somebody_has_open(tmp_path):
    (tmp_path / "photo.lmc").write_bytes(codec.compress(data.astronaut()[:100, :130], 40))
    with (tmp_path / "out.png").open("w+b") as opened:
        arguments = ["preview", "-f", str(tmp_path / "photo.lmc"), str(tmp_path / "out.png")]
        assert CliRunner().invoke(main, arguments).exit_code == 0
        with Image.open(opened) as image:
            assert image.size == (130, 100)


def test_a_preview_of_a_damaged_file_writes_nothing(tmp_path):
    (tmp_path / "bad.lmc").write_bytes(PHOTO.read_bytes()[:-3])
    result = CliRunner().invoke(main, ["preview", str(tmp_path / "bad.lmc"), str(tmp_path / "out.png")])
    assert result.exit_code == 1 and result.output.count("\n") == 1 and "bad.lmc" in result.output
    assert not (tmp_path / "out.png").exists()


def test_a_preview_gives_up_in_time(tmp_path, monkeypatch):
    path = tmp_path / "photo.lmc"
    path.write_bytes(codec.compress(data.astronaut(), 40))
    looks = iter(range(1, 10**6))
    monkeypatch.setattr("codec.cli.preview.time.process_time", lambda: float(next(looks)))
    arguments = ["preview", str(path), str(tmp_path / "out.png"), "--time-limit", "0.5"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1 and "gave up after 0.5 s" in result.output
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("name", ["a b.lmc", "50%.lmc", "-f.lmc", "line\nbreak.lmc", 'o\'clock "$HOME".lmc'])
def test_the_command_of_the_thumbnailer_takes_any_name(home, tmp_path, name):
    path, out = tmp_path / name, tmp_path / "out.png"
    path.write_bytes(codec.compress(data.astronaut()[:100, :130], 40))
    arguments = thumbnailer_command(path, out)
    subprocess.run(arguments, check=True, cwd=tmp_path, timeout=60)
    with Image.open(out) as image:
        assert image.size == (64, 49)


TUMBLERD = next(map(str, Path("/usr/lib").glob("*/tumbler-1/tumblerd")), None)


@pytest.mark.slow
@pytest.mark.skipif(TUMBLERD is None or not shutil.which("dbus-run-session"), reason="tumbler is not installed")
def test_xfce_makes_a_thumbnail_over_dbus(home, tmp_path):
    install(Place.of_user())
    path = home / "a b 50%.lmc"
    path.write_bytes(codec.compress(data.astronaut()[:300, :420], 40))
    asking = (
        f"{shlex.quote(str(TUMBLERD))} & sleep 2; gdbus call --session --dest org.freedesktop.thumbnails.Thumbnailer1 "
        "--object-path /org/freedesktop/thumbnails/Thumbnailer1 --method org.freedesktop.thumbnails.Thumbnailer1.Queue "
        f"\"['{path.as_uri()}']\" \"['{MEDIA_TYPE}']\" normal foreground 0; "
        "for i in $(seq 200); do sleep 0.5; find \"$HOME/.cache\" -name '*.png' | grep -q . && break; done; kill %1"
    )
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", asking], env=environment, capture_output=True, text=True, timeout=120
    )
    made = [found for found in (home / ".cache").rglob("*.png") if "fail" not in found.parts]
    assert made, done.stdout + done.stderr
    with Image.open(made[0]) as image:
        assert 90 < max(image.size) <= 128 and image.size[0] > image.size[1]


def test_the_viewer_ends_when_its_page_is_closed(tmp_path):
    import threading
    import urllib.request

    from codec.web import server as module

    with module.Viewer([PHOTO]) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        waiting = threading.Thread(target=server.wait_until_closed, daemon=True)
        waiting.start()
        with urllib.request.urlopen(server.url.partition("index.html")[0] + module.ALIVE) as stream:
            assert stream.read(8) == b": alive\n"
            time.sleep(module.GRACE / 5)
            assert waiting.is_alive()
        waiting.join(module.GRACE + 20)
        assert not waiting.is_alive()
        server.shutdown()
