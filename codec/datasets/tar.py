"""WebDataset's shards: tar files, whose members of one name but for the suffix are one sample."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from bitstream.errors import CodecError


class _Header(tarfile.TarInfo):
    """A header that is damaged is an error; tarfile would take it as the end of the file."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _Header:
        """Read the next one.

        Raises:
            CodecError: it is damaged, or cut off, or the file ends without saying so.
        """
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise CodecError(f"not a tar file, or damaged: {error}") from error


@dataclass
class Member:
    """A member of a tar file.

    Attributes:
        about: its header.
        data: its bytes; None if it is no file, such as a folder or a link.
    """

    about: tarfile.TarInfo
    data: bytes | None

    @property
    def key(self) -> str:
        """Name of the sample that it is of: its path up to the first dot of its name."""
        folder, slash, name = self.about.name.rpartition("/")
        return folder + slash + name.partition(".")[0]

    @property
    def field(self) -> str:
        """What it is of the sample: all after that dot, in lower case."""
        return self.about.name.rpartition("/")[2].partition(".")[2].lower()

    @property
    def suffix(self) -> str:
        """What kind of file it is: the last suffix of its name, in lower case, with its dot."""
        return PurePosixPath(self.about.name).suffix.lower()

    def rename(self, name: str) -> None:
        """Give it another name."""
        self.about.name = name
        # Where a former name or size did not fit the header, these would be believed instead of it.
        self.about.pax_headers = {k: v for k, v in self.about.pax_headers.items() if k not in ("path", "size")}


def samples(file: BinaryIO) -> Iterator[list[Member]]:
    """The samples of a tar file one after the other, of which one is held at a time; what is no file is alone.

    Args:
        file: read from where it is, never backwards.

    Raises:
        CodecError: it is damaged, or no tar file.
    """
    group: list[Member] = []
    try:
        with tarfile.open(fileobj=file, mode="r|", tarinfo=_Header) as archive:
            for about in archive:
                extracted = archive.extractfile(about) if about.isreg() else None
                member = Member(about, None if extracted is None else extracted.read())
                archive.members = []  # type: ignore[attr-defined] # else all that were read are kept
                if extracted is not None:  # of a sparse one, now whole
                    about.type, about.sparse = tarfile.REGTYPE, None
                    about.pax_headers = {k: v for k, v in about.pax_headers.items() if not k.startswith("GNU.sparse.")}
                if group and (member.data is None or group[0].data is None or member.key != group[0].key):
                    yield group
                    group = []
                group.append(member)
            while rest := archive.fileobj.read(1 << 16):
                if rest.strip(b"\0"):
                    raise CodecError("not a tar file, or damaged: more after its end")
    except (tarfile.TarError, EOFError) as error:
        raise CodecError(f"not a tar file, or damaged: {error}") from error
    if group:
        yield group


def write(file: BinaryIO, members: Iterable[Member]) -> None:
    """Write members as a tar file, with their names, times and owners.

    Args:
        file: written to from where it is.
        members: whose ``about.size`` follows their data.
    """
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            if member.data is not None:
                member.about.size = len(member.data)
            archive.addfile(member.about, None if member.data is None else io.BytesIO(member.data))
            archive.members = []  # type: ignore[attr-defined]


def parsed(member: Member) -> Any:
    """The value of a member that is no image: JSON, text and class numbers as what they mean, the rest as bytes.

    Raises:
        CodecError: it is not what its suffix says.
    """
    assert member.data is not None
    try:
        if member.suffix == ".json":
            return json.loads(member.data)
        if member.suffix in (".txt", ".text", ".caption"):
            return member.data.decode("utf-8")
        if member.suffix in (".cls", ".index"):
            return int(member.data)
    except ValueError as error:
        raise CodecError(f"{member.about.name}: not what its suffix says: {error}") from error
    return member.data
