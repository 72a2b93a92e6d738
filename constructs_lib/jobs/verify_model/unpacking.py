"""Unpacks an archive below one folder, and nowhere else."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import IO

from ..common.formats import FORMAT_BYTES, known_format, no_archive
from ..common.limits import MIB, Limits
from .findings import RefusedModelError, shortened

REPACK = "Make it with `tar -czf model.tar.gz -C <folder of the model> .` and copy it again."

DEREFERENCE = "Put the files in place of links to them: make it with `tar -h`, or copy by `cp -rL`."


class Unpacker:
    """Writes the members of an archive below one folder, and nowhere else."""

    def __init__(self, folder: Path, compressed_bytes: int, limits: Limits) -> None:
        """Start with an empty folder."""
        self._folder = folder
        self._most_bytes = min(
            limits.unpacked_bytes, limits.bytes_by_ratio(compressed_bytes), free_bytes(folder)
        )
        self._limits = limits
        self._bytes = 0
        self._members = 0

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Write one member.

        Raises:
            RefusedModelError: it is unsafe, or one too many.
        """
        self._members += 1
        self._bytes += max(member.size, 0)
        if self._members > self._limits.members or self._bytes > self._most_bytes:
            raise RefusedModelError(
                "archive-too-large",
                f"The archive has more than {self._limits.members:,} members or unpacks to more "
                f"than {self._most_bytes:,} bytes, at member {member.name!r}.",
                "Leave out what serving does not need.",
            )
        path = self._path(member.name)
        if path == self._folder and member.isdir():
            return
        self._refuse_links_above(path, member)
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            raise unsafe(member, "is there twice, as a folder and as something else")
        if os.path.lexists(str(path)):
            path.unlink()
        self._write(archive, member, path)

    def _path(self, name: str) -> Path:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts or "\0" in name:
            raise unsafe(name, "leads out of the archive")
        return self._folder.joinpath(*parts)

    def _refuse_links_above(self, path: Path, member: tarfile.TarInfo) -> None:
        for parent in path.parents:
            if parent == self._folder:
                return
            if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
                raise unsafe(member, "is inside of something that is no folder")

    def _write(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
        if member.issym():
            self._refuse_target(member, path)
            path.symlink_to(member.linkname)
        elif member.islnk():
            source = self._path(member.linkname)
            self._refuse_links_above(source, member)
            if source.is_symlink() or not source.is_file():
                raise unsafe(member, "is a hard link to no file before it")
            os.link(str(source), str(path))
        elif member.isreg():
            content = archive.extractfile(member)
            with path.open("xb") as file:
                shutil.copyfileobj(content, file, MIB)  # type: ignore[arg-type]
            if path.stat().st_size != member.size:
                raise EOFError("it ends too early")
            path.chmod(0o755 if member.mode & 0o100 else 0o644)
        else:
            raise unsafe(member, "is neither file, folder nor link")

    def _refuse_target(self, member: tarfile.TarInfo, path: Path) -> None:
        target = os.path.normpath(os.path.join(str(path.parent), member.linkname))  # noqa: PTH118
        inside = target == str(self._folder) or target.startswith(str(self._folder) + os.sep)
        if member.linkname.startswith("/") or not inside:
            raise unsafe(
                member, f"links to {member.linkname!r}, outside of the archive", DEREFERENCE
            )


def unsafe(member: object, why: str, fix: str = REPACK) -> RefusedModelError:
    """Return the error for a member that could write or read outside of the folder."""
    name = getattr(member, "name", member)
    return RefusedModelError("archive-unsafe", f"Member {shortened(repr(name))} {why}.", fix)


def free_bytes(folder: Path) -> int:
    """Return the space that is left where a folder is."""
    return shutil.disk_usage(str(folder)).free


def unpack(archive_path: Path, folder: Path, limits: Limits) -> None:
    """Unpack a ``.tar.gz`` or ``.tar`` to an empty folder.

    Raises:
        RefusedModelError: it is damaged, unsafe or too large.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unpacker = Unpacker(folder, archive_path.stat().st_size, limits)
    refuse_other_format(archive_path)
    try:
        with opened(archive_path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                unpacker.add(archive, member)
            # To the end: there the checksum is compared, and nothing else may stand there.
            while True:
                rest = file.read(MIB)
                if rest.strip(b"\0"):
                    raise tarfile.ReadError("has something else after its members")
                if not rest:
                    return
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
        raise RefusedModelError(
            "archive-unreadable",
            f"{archive_path.name} is damaged or no tar.gz archive: {shortened(error)}.",
            REPACK,
        ) from None


def refuse_other_format(archive_path: Path) -> None:
    """Name the format of a file that is no archive, if it is a known one."""
    with archive_path.open("rb") as file:
        start = file.read(FORMAT_BYTES)
    if not start or known_format(start):
        message = f"{archive_path.name} {no_archive(start)}."
        raise RefusedModelError("archive-unreadable", message, REPACK)


def opened(archive_path: Path) -> IO[bytes]:
    """Return the unpacked bytes of an archive."""
    with archive_path.open("rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(str(archive_path)) if is_compressed else archive_path.open("rb")  # type: ignore[return-value]
