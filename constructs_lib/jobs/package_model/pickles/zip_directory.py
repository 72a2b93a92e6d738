"""The directory of a zip file, read as strictly as no loader does.

A zip file says twice what it holds: before each member, and in a directory at its end. Loaders
believe one or the other, so whatever differs, overlaps or stands between could show one content to
a scanner and another to torch. Layout: APPNOTE.TXT 6.3.10 of PKWARE.
"""

from __future__ import annotations

import collections
import struct
from typing import TYPE_CHECKING, NamedTuple

from ...common.limits import KIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .regions import Region

LOCAL, CENTRAL, END, END64, LOCATOR64 = (
    b"PK\3\4",
    b"PK\1\2",
    b"PK\5\6",
    b"PK\6\6",
    b"PK\6\7",
)
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
CENTRAL_HEADER = struct.Struct("<4s6H3I5H2I")
END_RECORD = struct.Struct("<4s4H2IH")
END64_RECORD = struct.Struct("<4sQ2H2I4Q")
LOCATOR64_RECORD = struct.Struct("<4sIQI")
TAIL_BYTES = 64 * KIB + END_RECORD.size
"""Where the end record stands: a comment of up to 64 KiB can follow it."""
MAX_MEMBERS = 50_000
MAX_DIRECTORY_BYTES = 8 * MIB
ENCRYPTED, DESCRIBED_BEHIND, STRONGLY_ENCRYPTED, MASKED = 1, 8, 64, 8192
STORED, DEFLATED = 0, 8
DESCRIBED = b"PK\7\x08"
DESCRIPTOR = struct.Struct("<4s3I")
DESCRIPTOR64 = struct.Struct("<4sI2Q")
DESCRIPTOR_BYTES = (12, 16, 20, 24)
"""A descriptor behind a member: with or without signature, sizes of 32 or 64 bits."""
FULL = 0xFFFFFFFF
"""In place of a number that stands in an extra field, in 64 bits."""
EXTRA64 = 1


class DamagedZipError(Exception):
    """A zip file whose directory cannot be read."""


class ZipMember(NamedTuple):
    """A member as the directory describes it."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size: int
    start: int
    """Where its own header stands."""

    @property
    def shown(self) -> str:
        """The name as text."""
        return self.name.decode("utf-8", "backslashreplace")


class Oddity(NamedTuple):
    """Something that no honest writer writes."""

    code: str
    message: str
    position: int


class EndOfZip(NamedTuple):
    """Where the directory is."""

    record_start: int
    """Where what follows the directory begins."""
    entries: int
    directory_bytes: int
    directory_start: int
    """As it is said, without what may stand before the zip file."""


def find_end(tail: bytes) -> int:
    """Where in the last bytes of a file the end record of a zip file stands; -1 without one."""
    at = tail.rfind(END)
    while at >= 0:
        if at + END_RECORD.size <= len(tail):
            return at
        at = tail.rfind(END, 0, at)
    return -1


def ends_as_zip(tail: bytes, size: int) -> bool:
    """Whether a file ends with a consistent end record, by its last bytes and its size."""
    at = find_end(tail)
    if at < 0:
        return False
    record = END_RECORD.unpack_from(tail, at)
    behind = len(tail) - at - END_RECORD.size
    return bool(record[7] == behind and record[1] == record[2] and record[5] <= size)


class ZipDirectory:
    """The directory of one zip file, with what is odd about it."""

    def __init__(self, region: Region) -> None:
        """Start with nothing read."""
        self._region = region
        self._prefix = 0
        self._directory_start = 0
        self._extents: list[tuple[int, int, bool]] = []
        """Where each member begins and ends, and whether a descriptor follows it."""
        self.oddities: list[Oddity] = []
        self.members: list[ZipMember] = []

    def read(self) -> None:
        """Read it.

        Raises:
            DamagedZipError: there is none, or one that cannot be read to its end.
        """
        end = self._end()
        directory_start = end.record_start - end.directory_bytes
        self._prefix = directory_start - end.directory_start
        if self._prefix:
            self._odd("zip-hidden-bytes", f"has {self._prefix:,} bytes before the zip file", 0)
        if directory_start < 0 or end.directory_bytes > MAX_DIRECTORY_BYTES:
            raise DamagedZipError("its directory is larger than a zip file of it can be")
        self._directory_start = directory_start
        for member in self._members(end):
            self.members.append(member)
        if len(self.members) != end.entries:
            self._odd(
                "zip-headers-differ",
                f"says that it has {end.entries:,} members, and has {len(self.members):,}",
                end.record_start,
            )

    def _odd(self, code: str, message: str, position: int) -> None:
        self.oddities.append(Oddity(code, message, position))

    def _end(self) -> EndOfZip:
        size = self._region.size
        tail_start = max(0, size - TAIL_BYTES)
        tail = self._region.read(tail_start, TAIL_BYTES)
        at = find_end(tail)
        if at < 0:
            raise DamagedZipError("it ends without a directory")
        position = tail_start + at
        _, disk, first_disk, here, entries, directory_bytes, start, comment = (
            END_RECORD.unpack_from(tail, at)
        )
        if position + END_RECORD.size + comment != size:
            self._odd("zip-hidden-bytes", "has something behind the end of the zip file", position)
        if tail.find(END) != at and self._another_end(tail, at):
            self._odd("zip-hidden-bytes", "has two ends, one in the comment of the other", position)
        if disk or first_disk or here != entries:
            self._odd("zip-headers-differ", "is part of a split zip file", position)
        return self._end64(EndOfZip(position, entries, directory_bytes, start))

    def _another_end(self, tail: bytes, last: int) -> bool:
        at = tail.find(END)
        while 0 <= at < last:
            comment = END_RECORD.unpack_from(tail, at)[7]
            if at + END_RECORD.size + comment >= last:
                return True
            at = tail.find(END, at + 1)
        return False

    def _end64(self, end: EndOfZip) -> EndOfZip:
        """Return the end record of 64 bits before the other, if there is one."""
        at = end.record_start - LOCATOR64_RECORD.size
        locator = self._region.read(at, LOCATOR64_RECORD.size) if at >= 0 else b""
        if not locator.startswith(LOCATOR64):
            return end
        said = LOCATOR64_RECORD.unpack(locator)[2]
        position = at - END64_RECORD.size
        record = self._region.read(position, END64_RECORD.size) if position >= 0 else b""
        if len(record) < END64_RECORD.size or not record.startswith(END64):
            raise DamagedZipError("its end record of 64 bits is not where it belongs")
        own_size, entries, directory_bytes, start = (
            END64_RECORD.unpack(record)[index] for index in (1, 7, 8, 9)
        )
        end64 = EndOfZip(position, entries, directory_bytes, start)
        agree = all(
            value in (long, limit)
            for value, long, limit in (
                (end.entries, entries, 0xFFFF),
                (end.directory_bytes, directory_bytes, FULL),
                (end.directory_start, start, FULL),
            )
        )
        if not agree or own_size != END64_RECORD.size - 12 or said > position:
            self._odd("zip-headers-differ", "has two end records that differ", position)
        return end64

    def _members(self, end: EndOfZip) -> Iterator[ZipMember]:
        directory = self._region.read(self._directory_start, end.directory_bytes)
        at = 0
        for _ in range(MAX_MEMBERS):
            if at == len(directory):
                return
            if directory[at : at + 4] != CENTRAL or at + CENTRAL_HEADER.size > len(directory):
                raise DamagedZipError("its directory is damaged")
            header = CENTRAL_HEADER.unpack_from(directory, at)
            lengths = header[10:13]
            at += CENTRAL_HEADER.size
            name = directory[at : at + lengths[0]]
            extra = directory[at + lengths[0] : at + lengths[0] + lengths[1]]
            at += sum(lengths)
            if at > len(directory):
                raise DamagedZipError("its directory is damaged")
            yield self._member(header, name, extra)
        raise DamagedZipError(f"it has more than {MAX_MEMBERS:,} members")

    def _member(self, header: tuple[int, ...], name: bytes, extra: bytes) -> ZipMember:
        flags, method, crc = header[3], header[4], header[7]
        packed, size, start = header[8], header[9], header[16]
        size, packed, start = in_64_bits([size, packed, start], extra)
        return ZipMember(name, flags, method, crc, packed, size, start + self._prefix)

    def content_start(self, member: ZipMember) -> int:
        """Where a member's content begins, after a comparison of its two headers.

        Raises:
            DamagedZipError: its own header is not where it belongs.
        """
        header = self._region.read(member.start, LOCAL_HEADER.size)
        if len(header) < LOCAL_HEADER.size or not header.startswith(LOCAL):
            raise DamagedZipError("its header is not where the directory says")
        fields = LOCAL_HEADER.unpack(header)
        name_bytes, extra_bytes = (int(each) for each in fields[9:])
        at = member.start + LOCAL_HEADER.size
        name = self._region.read(at, name_bytes)
        extra = self._region.read(at + name_bytes, extra_bytes)
        self._compare(member, fields, name, extra)
        start = at + name_bytes + extra_bytes
        if start + member.packed_bytes > self._directory_start:
            raise DamagedZipError("it goes on into the directory")
        is_described = bool(member.flags & DESCRIBED_BEHIND)
        self._extents.append((member.start, start + member.packed_bytes, is_described))
        return start

    def _compare(
        self, member: ZipMember, fields: tuple[int, ...], name: bytes, extra: bytes
    ) -> None:
        flags, method, crc = fields[2], fields[3], fields[6]
        size, packed = in_64_bits([fields[8], fields[7]], extra)
        described_behind = flags & DESCRIBED_BEHIND
        differing = [
            what
            for what, mine, directorys in (
                ("name", name, member.name),
                ("method", method, member.method),
                ("CRC", crc, member.crc),
                ("packed size", packed, member.packed_bytes),
                ("size", size, member.size),
            )
            if mine != directorys and not (described_behind and mine == 0)
        ]
        if differing:
            message = f"has a header and an entry in the directory that differ: {differing[0]}"
            self._odd("zip-headers-differ", f"{member.shown!r} {message}", member.start)
        if (flags | member.flags) & (ENCRYPTED | STRONGLY_ENCRYPTED | MASKED):
            self._odd("zip-encrypted", f"{member.shown!r} is marked as encrypted", member.start)

    def check_layout(self) -> None:
        """Note what stands between members, or inside of one another, and names that come twice.

        To be called after ``content_start`` of every member.
        """
        at, described = self._prefix, False
        self._extents.sort()
        for start, end, is_described in [*self._extents, (self._directory_start, 0, False)]:
            between = start - at
            if between and not (described and between in DESCRIPTOR_BYTES):
                what = f"has {between:,} bytes that belong to no member"
                if between < 0:
                    what = "has members that overlap"
                self._odd("zip-hidden-bytes", what, min(at, start))
                break
            at, described = end, is_described
        counts = collections.Counter(member.name for member in self.members)
        for member in self.members:
            if counts[member.name] > 1:
                self._odd("zip-headers-differ", f"has {member.shown!r} twice", member.start)


def in_64_bits(values: list[int], extra: bytes) -> list[int]:
    """Return the values; the extra field holds, in order, those that are full."""
    at = 0
    numbers: list[int] = []
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == EXTRA64:
            whole = extra[at + 4 : at + 4 + size]
            numbers = [number for (number,) in struct.iter_unpack("<Q", whole[: size // 8 * 8])]
            break
        at += 4 + size
    return [numbers.pop(0) if value == FULL and numbers else value for value in values]
