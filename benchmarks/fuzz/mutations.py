"""Changes archives: bytes, fields and whole blocks, mostly with the checksums made right again."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from random import Random

from benchmarks.fuzz.blocks import BLOCK, FIELDS, NUMBERS, base_256, is_header, summed
from benchmarks.fuzz.grammar import ODD_MODES, ODD_NAMES, SMUGGLED

_TYPES = b"0\x007125LKxgSVMNXD36"
_FILLERS = (b"\0", b" ", b"\t", b"/", b"7", b"\xff", b"\x80", b"=", b"\n", b".")


def mutate_blocks(random: Random, archive: bytes) -> bytes:
    """Make one to three changes to the blocks of an archive."""
    blocks = [archive[at : at + BLOCK] for at in range(0, len(archive), BLOCK)]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        random.choice(_MUTATIONS)(random, blocks)
    return b"".join(blocks)


def _a_header(random: Random, blocks: list[bytes]) -> int:
    headers = [number for number, block in enumerate(blocks) if is_header(block)]
    return random.choice(headers or range(len(blocks)))


def _patch(random: Random, blocks: list[bytes], number: int, where: slice, new: bytes) -> None:
    width = where.stop - where.start
    block = blocks[number]
    block = block[: where.start] + new[:width].ljust(width, b"\0") + block[where.stop :]
    blocks[number] = summed(block) if random.random() < 0.97 and len(block) == BLOCK else block


def _change_byte(random: Random, blocks: list[bytes]) -> None:
    number, at = _a_header(random, blocks), random.randrange(BLOCK)
    new = random.choice((*_FILLERS, bytes([random.randrange(256)])))
    _patch(random, blocks, number, slice(at, at + 1), new)


def _change_content_byte(random: Random, blocks: list[bytes]) -> None:
    number, at = random.randrange(len(blocks)), random.randrange(BLOCK)
    new = random.choice(_FILLERS)
    blocks[number] = blocks[number][:at] + new + blocks[number][at + 1 :]


def _change_number(random: Random, blocks: list[bytes]) -> None:
    number, field = _a_header(random, blocks), random.choice(NUMBERS)
    width = FIELDS[field].stop - FIELDS[field].start
    value = random.choice((0, 1, 512, 1024, 1536, 0o4755, 2**33, 2**54 | 0o4755, -1, 2**63))
    written = random.choice(
        (b"%o\0", b" %o ", b"\0%o", b"%o", b"+%o", b"\t%o\0", b"%o.\0", b"0x%x")
    )
    new = random.choice((base_256(value, width), written % value, random.choice(ODD_MODES)))
    _patch(random, blocks, number, FIELDS[field], new)


def _change_type(random: Random, blocks: list[bytes]) -> None:
    new = bytes([random.choice(_TYPES)])
    _patch(random, blocks, _a_header(random, blocks), FIELDS["type"], new)


def _change_name(random: Random, blocks: list[bytes]) -> None:
    field = random.choice(("name", "link", "prefix"))
    _patch(random, blocks, _a_header(random, blocks), FIELDS[field], random.choice(ODD_NAMES))


def _swap_field(random: Random, blocks: list[bytes]) -> None:
    where = FIELDS[random.choice(list(FIELDS))]
    source = blocks[_a_header(random, blocks)]
    _patch(random, blocks, _a_header(random, blocks), where, source[where])


def _duplicate(random: Random, blocks: list[bytes]) -> None:
    start = random.randrange(len(blocks))
    piece = blocks[start : start + random.randint(1, 3)]
    at = random.randrange(len(blocks) + 1)
    blocks[at:at] = piece


def _delete(random: Random, blocks: list[bytes]) -> None:
    if len(blocks) > 1:
        del blocks[random.randrange(len(blocks))]


def _insert(random: Random, blocks: list[bytes]) -> None:
    smuggled = [SMUGGLED[at : at + BLOCK] for at in range(0, len(SMUGGLED), BLOCK)]
    at = random.randrange(len(blocks) + 1)
    blocks[at:at] = random.choice((smuggled, smuggled[:1], [bytes(BLOCK)]))


_MUTATIONS: tuple[Callable[[Random, list[bytes]], None], ...] = (
    *(_change_byte, _change_byte, _change_content_byte, _change_number, _change_number),
    *(_change_type, _change_name, _swap_field, _duplicate, _delete, _insert),
)


def pack(random: Random, archive: bytes) -> bytes:
    """Write the archive as a file: plain, or in gzip members of every kind; some damaged."""
    if random.random() < 0.1:
        return archive
    cut = random.randrange(len(archive) + 1) if random.random() < 0.3 else len(archive)
    packed = b"".join(_gzip_member(random, part) for part in (archive[:cut], archive[cut:]) if part)
    if random.random() < 0.15:
        packed += random.choice((bytes(100), b"\0x", b"\x1f", SMUGGLED, gzip.compress(SMUGGLED)))
    if random.random() < 0.25:
        at = random.choice((random.randrange(len(packed)), random.randrange(min(40, len(packed)))))
        packed = packed[:at] + random.choice(_FILLERS) + packed[at + random.randint(0, 1) :]
    return packed


def _gzip_member(random: Random, content: bytes) -> bytes:
    flags = random.choice((0, 0, 8, 16, 4, 2, 30, 1, 32))
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6)
    header += b"\x03\x00abc" if flags & 4 else b""
    header += b"name\0" if flags & 8 else b""
    header += b"comment\0" if flags & 16 else b""
    header += (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little") if flags & 2 else b""
    compressor = zlib.compressobj(random.choice((0, 1, 6, 9)), zlib.DEFLATED, -15)
    body = compressor.compress(content) + compressor.flush()
    trailer = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    return header + body + trailer
