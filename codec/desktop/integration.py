"""Telling a desktop of ``.lmc`` files, and taking all of it back.

What is written is kept in a record, with every file and folder that was not there before, those that the desktop's own
programs made included.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bitstream.errors import CodecError
from codec.desktop.contents import MAGIC_BLOCK, contents
from codec.util.files import replacing

RECORD = "manifold-codec/desktop.json"
_ROOMS = ("mime", "applications", "thumbnailers", "icons/hicolor", "manifold-codec")
"""Folders that are written to, by the desktop's programs, too."""
_UPDATERS = (("mime", "packages/*.xml", "update-mime-database"),
             ("applications", "*.desktop", "update-desktop-database"))  # fmt: skip
"""Folders with caches, what the caches are of, and what renews them."""


@dataclass(frozen=True)
class Place:
    """Where a desktop looks.

    Attributes:
        data: the folder for types, applications and icons.
        magic: the file of file(1).
    """

    data: Path
    magic: Path

    @classmethod
    def of_user(cls) -> Place:
        """Of this user."""
        home = Path.home()
        data = Path(os.environ.get("XDG_DATA_HOME", ""))
        if not data.is_absolute():  # as the standard says
            data = home / ".local" / "share"
        return cls(data, Path(os.path.realpath(home / ".magic")))

    @classmethod
    def of_system(cls) -> Place:
        """Of all users, where GNOME's sandbox for thumbnails looks as well."""
        return cls(Path("/usr/local/share"), Path("/etc/magic"))

    def files(self) -> dict[Path, str]:
        """What is written, by path."""
        return {self.data / name: text for name, text in contents(sys.executable).items()}

    @property
    def record(self) -> Path:
        """Where it is kept what was there before."""
        return self.data / RECORD


def install(place: Place) -> list[str]:
    """Tell the desktop of ``.lmc`` files. What an earlier version told it is replaced.

    Returns:
        list[str]: what could not be done, for people to read.

    Raises:
        OSError: a file cannot be written; what was written is taken back.
    """
    with suppress(CodecError):  # nothing was installed
        uninstall(place)
    before = _listing(place)
    try:
        # The record first: whatever stops this, what is written can be taken back.
        for path, text in {place.record: json.dumps({"added": []}), **place.files()}.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path, overwrite=True) as temporary:
                temporary.write_text(text, encoding="utf-8")
                temporary.chmod(0o644)
        _add_magic(place.magic)
        notes = _renew(place, always=True)
        _write_record(place, before)
    except BaseException:
        with suppress(OSError):
            _write_record(place, before)
        with suppress(CodecError, OSError):
            uninstall(place)
        raise
    return notes


def uninstall(place: Place) -> list[str]:
    """Take back all that :func:`install` did.

    Returns:
        list[str]: what could not be done, for people to read.

    Raises:
        CodecError: nothing is installed.
        OSError: a file cannot be removed.
    """
    added = _added(place)
    if added is None and "installed" not in status(place).values():
        raise CodecError(f"{place.data}: nothing is installed there")
    for path in (*place.files(), place.record):
        with suppress(NotADirectoryError):
            path.unlink(missing_ok=True)
    was_there = added is not None and place.magic not in added
    _remove_magic(place.magic, keep_empty=was_there)
    notes = _renew(place, always=False)
    rest = [path for path in added or [] if path != place.magic]
    for room, sources, _ in _UPDATERS:
        if any((place.data / room).glob(sources)):
            rest = [path for path in rest if path.is_dir() or not path.is_relative_to(place.data / room)]
    for path in sorted(rest, key=lambda path: len(path.parts), reverse=True):
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):  # others have put something there
                path.rmdir()
        else:
            path.unlink(missing_ok=True)
    return notes


def _added(place: Place) -> list[Path] | None:
    """What the record says was not there before; None if there is no record that can be read."""
    try:
        return [Path(name) for name in json.loads(place.record.read_text(encoding="utf-8"))["added"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def status(place: Place) -> dict[str, str]:
    """State of each part: ``"installed"``, ``"missing"`` or ``"of another version"``."""
    found = {}
    for path, text in place.files().items():
        if not path.is_file():
            found[str(path)] = "missing"
        else:
            same = path.read_text(encoding="utf-8", errors="replace") == text
            found[str(path)] = "installed" if same else "of another version"
    has_magic = place.magic.is_file() and MAGIC_BLOCK in place.magic.read_text(encoding="utf-8", errors="replace")
    found[str(place.magic)] = "installed" if has_magic else "missing"
    return found


def _listing(place: Place) -> set[Path]:
    """All that is in the folders that are written to, and those above them that exist."""
    found = {place.magic} if place.magic.exists() else set()
    for room in _ROOMS:
        found |= set((place.data / room).rglob("*"))
        found |= {path for path in ((place.data / room), *(place.data / room).parents) if path.exists()}
    return found


def _write_record(place: Place, before: set[Path]) -> None:
    if not place.record.parent.is_dir():
        return
    added = sorted(map(str, _listing(place) - before))
    with replacing(place.record, overwrite=True) as temporary:
        temporary.write_text(json.dumps({"added": added}, indent=1), encoding="utf-8")


def _renew(place: Place, always: bool) -> list[str]:
    """Have the desktop's programs renew their caches, or where nothing is left to be cached leave that."""
    notes = []
    for room, sources, program in _UPDATERS:
        folder = place.data / room
        if not folder.is_dir() or not (always or any(folder.glob(sources)) or _has_caches(folder)):
            continue
        if shutil.which(program) is None:
            notes.append(f"{program} is not installed: the desktop may notice only later")
            continue
        done = subprocess.run([program, str(folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            notes.append(f"{program} {folder}: {done.stderr.strip()}")
    with suppress(OSError):
        os.utime(place.data / "icons" / "hicolor")  # by which caches of icons know that they are old
    return notes


def _has_caches(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("mime.cache", "mimeinfo.cache"))


def _add_magic(path: Path) -> None:
    old = path.read_bytes() if path.is_file() else b""
    block = MAGIC_BLOCK.encode()
    if block in old:
        return
    # Whether the file ended with its last line is kept, so that it can be restored.
    joint = b"" if not old or old.endswith(b"\n") else b"\n"
    with replacing(path, overwrite=True) as temporary:
        temporary.write_bytes(old + joint + (b"#\n" if joint else b"") + block)
        if not path.exists():
            temporary.chmod(0o644)


def _remove_magic(path: Path, keep_empty: bool) -> None:
    if not path.is_file():
        return
    old, block = path.read_bytes(), MAGIC_BLOCK.encode()
    if block not in old:
        return
    joint = b"\n#\n" + block
    left = old.replace(joint, b"") if joint in old else old.replace(block, b"")
    if not left and not keep_empty:
        path.unlink()
        return
    with replacing(path, overwrite=True) as temporary:
        temporary.write_bytes(left)


def types_seen(path: Path) -> Iterator[tuple[str, str]]:
    """What the desktop's programs say a file's type is: the program, and its answer."""
    for program, arguments in (
        ("gio", ["info", "-a", "standard::content-type", str(path)]),
        ("xdg-mime", ["query", "filetype", str(path)]),
        ("file", ["--mime-type", "--brief", str(path)]),
    ):
        if shutil.which(program):
            with tempfile.TemporaryDirectory() as cache:  # some make the folder of caches, only to ask
                environment = {**os.environ, "XDG_CACHE_HOME": cache}
                command = [program, *arguments]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            yield program, done.stdout.strip().rpartition(" ")[2]
