"""Parquet files with a column of images as Hugging Face's datasets have it: structures of ``bytes`` and ``path``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from bitstream.errors import CodecError

ROWS = 64
"""Of a file that are held at a time."""


def modules() -> tuple[Any, Any]:
    """PyArrow and its part for Parquet.

    Raises:
        CodecError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise CodecError("Parquet needs the extra [cluster] (no pyarrow)") from error
    return pyarrow, pyarrow.parquet


def preload() -> None:
    """Import PyArrow now, if it is installed.

    Its allocator (mimalloc) belongs to the thread that imports it; PyArrow 25 crashes once that thread has ended. So it
    is imported by one that lives as long as the process, before others need it.
    """
    with suppress(CodecError):
        modules()


def _open(file: BinaryIO) -> Any:
    """A Parquet file.

    Raises:
        CodecError: it is none, or damaged.
    """
    arrow, parquet = modules()
    try:
        return parquet.ParquetFile(file)
    except (arrow.ArrowException, OSError) as error:
        raise CodecError(f"not a Parquet file, or damaged: {error}") from error


def _image_columns(schema: Any) -> list[str]:
    """Names of the columns that hold images: structures of bytes and a path, and nothing else."""
    arrow, _ = modules()
    names = []
    for field in schema:
        if arrow.types.is_struct(field.type) and {f.name for f in field.type} == {"bytes", "path"}:
            names.append(str(field.name))
    return names


def rows(file: BinaryIO) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Rows of a Parquet file, and the names of their image columns, in bounded memory.

    Args:
        file: that can seek.

    Raises:
        CodecError: it is damaged, or no Parquet file.
    """
    parquet = _open(file)
    images = _image_columns(parquet.schema_arrow)
    for batch in _batches(parquet):
        for row in batch.to_pylist():
            yield row, images


def _batches(parquet: Any, groups: list[int] | None = None) -> Iterator[Any]:
    arrow, _ = modules()
    try:
        yield from parquet.iter_batches(ROWS, row_groups=groups)
    except (arrow.ArrowException, OSError) as error:
        raise CodecError(f"damaged: {error}") from error


Change = Callable[[bytes, str | None], tuple[bytes, str | None]]
"""From an image's bytes and its path, if it has one, to what stands in their place."""


def rewrite(file: BinaryIO, target: BinaryIO, change: Change) -> None:
    """Copy a Parquet file with other images; rows, groups and schema stay, with what Hugging Face keeps there.

    Args:
        file: that can seek.
        target: written to from where it is.
        change: called with each image.

    Raises:
        CodecError: it is damaged, no Parquet file, or has no column of images.
    """
    arrow, module = modules()
    parquet = _open(file)
    schema = parquet.schema_arrow
    images = _image_columns(schema)
    if not images:
        raise CodecError("no column of images: none is a structure of bytes and path")

    def changed(cell: dict[str, Any] | None) -> dict[str, Any] | None:
        if cell is None or cell["bytes"] is None:
            return cell
        data, path = change(cell["bytes"], cell["path"])
        return {"bytes": data, "path": path}

    # Images do not get smaller by a general compression.
    with module.ParquetWriter(target, schema, compression="none" if images == schema.names else "zstd") as writer:
        for group in range(parquet.num_row_groups):
            batches = []
            for batch in _batches(parquet, [group]):
                for name in images:
                    place = schema.get_field_index(name)
                    cells = [changed(cell) for cell in batch.column(place).to_pylist()]
                    batch = batch.set_column(place, schema.field(place), arrow.array(cells, schema.field(place).type))
                batches.append(batch)
            if batches:
                writer.write_table(arrow.Table.from_batches(batches, schema))
