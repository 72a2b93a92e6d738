"""What a file is that should be a tar archive and is none."""

from __future__ import annotations

from typing import NamedTuple

FORMAT_BYTES = 8
"""How much of a file tells its format."""
WRAP = "put it into one: tar -czf model.tar.gz FILE"
FOLDER = "tar -czf model.tar.gz -C FOLDER ."


class FileFormat(NamedTuple):
    """A format by its first bytes."""

    start: bytes
    name: str
    advice: str
    """How to make a gzip-compressed tar archive of such a file."""


FORMATS = (
    FileFormat(
        b"PK\x03\x04",
        "a zip file, as torch.save writes too",
        f"{WRAP}; if it is a zipped folder, unpack that and make one: {FOLDER}",
    ),
    FileFormat(b"PK", "a zip file", f"unpack it and make one: {FOLDER}"),
    FileFormat(b"7z\xbc\xaf", "a 7z file", f"unpack it and make one: {FOLDER}"),
    FileFormat(b"\x80", "a pickle, as older versions of torch.save write", WRAP),
    FileFormat(b"BZh", "compressed with bzip2", "bzip2 -dc FILE | gzip > model.tar.gz"),
    FileFormat(b"\xfd7zXZ", "compressed with xz", "xz -dc FILE | gzip > model.tar.gz"),
    FileFormat(b"\x28\xb5\x2f\xfd", "compressed with zstd", "zstd -dc FILE | gzip > model.tar.gz"),
    FileFormat(b"\x04\x22\x4d\x18", "compressed with lz4", "lz4 -dc FILE | gzip > model.tar.gz"),
    FileFormat(b"\x89HDF", "a file in HDF5, as Keras writes", WRAP),
)
UNKNOWN = FileFormat(b"", "something else", f"{WRAP}; of a folder: {FOLDER}")
EMPTY = FileFormat(b"", "empty (0 bytes)", "copy it again")


def known_format(start: bytes) -> FileFormat | None:
    """Return the format of a file that begins so, if it is a known one that is no archive."""
    return next((each for each in FORMATS if start.startswith(each.start)), None)


def no_archive(start: bytes) -> str:
    """Say of a file that begins so what it is, and how to make an archive of it."""
    found = known_format(start) or (UNKNOWN if start else EMPTY)
    return f"is {found.name}, not a gzip-compressed tar archive ({found.advice})"
