"""The opcodes of pickles, and how their arguments are read (see ``pickletools.py`` of CPython)."""

from __future__ import annotations

import codecs
import re
import struct
from typing import TYPE_CHECKING

from .regions import BrokenPickleError, ByteReader
from .values import OPAQUE, PERSISTENT, Blob, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from .values import Value

    Argument = Callable[[ByteReader], Value]

MAX_NAME_BYTES = 256
"""Longer texts are no names that could be on a list; only that they are texts is kept."""
MAX_INTEGER_BYTES = 16
LONG_TEXT = Unknown("a text too long for a name")

NUMBER = re.compile(rb"[+-]?(0[xXoObB])?[0-9a-fA-F_]+L?")


def nothing(_reader: ByteReader) -> None:
    """No argument."""


def integer(layout: str) -> Callable[[ByteReader], int]:
    """Return a number of fixed size."""
    packed = struct.Struct(layout)
    size, unpack = packed.size, packed.unpack

    def read(reader: ByteReader) -> int:
        return int(unpack(reader.take(size))[0])

    return read


U1, U2, U4, U8, I4 = (integer(each) for each in ("<B", "<H", "<I", "<Q", "<i"))


def fixed(size: int) -> Argument:
    """Return an argument of fixed size that does not matter."""

    def read(reader: ByteReader) -> Value:
        reader.skip(size)
        return OPAQUE

    return read


def counted(
    count: Callable[[ByteReader], int], make: Callable[[ByteReader, int], Value]
) -> Argument:
    """Return a count, and so many bytes."""

    def read(reader: ByteReader) -> Value:
        size = count(reader)
        if size < 0:
            raise BrokenPickleError("it holds a negative size")
        return make(reader, size)

    return read


def blob(reader: ByteReader, size: int) -> Value:
    """Bytes, by their place."""
    at = reader.position
    reader.skip(size)
    return Blob(at, size)


def text(reader: ByteReader, size: int) -> Value:
    """Text in UTF-8."""
    if size > MAX_NAME_BYTES:
        reader.skip(size)
        return LONG_TEXT
    try:
        return reader.take(size).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise BrokenPickleError("it holds a text that is not UTF-8") from None


def old_text(reader: ByteReader, size: int) -> Value:
    """Text as Python 2 wrote it; readers decode it in one of several ways."""
    if size > MAX_NAME_BYTES:
        reader.skip(size)
        return LONG_TEXT
    return reader.take(size).decode("latin-1")


def long_integer(reader: ByteReader, size: int) -> Value:
    """Return a number of any size."""
    if size > MAX_INTEGER_BYTES:
        reader.skip(size)
        return OPAQUE
    return int.from_bytes(reader.take(size), "little", signed=True)


def number_line(reader: ByteReader) -> Value:
    """Return a number in digits, of base 8 or 16 with a prefix."""
    digits = reader.line().strip()
    if not NUMBER.fullmatch(digits):
        raise BrokenPickleError("it holds a number that is none")
    is_plain = digits.isdigit() and len(digits) <= 2 * MAX_INTEGER_BYTES
    return int(digits) if is_plain and digits[:1] != b"0" else OPAQUE


def float_line(reader: ByteReader) -> Value:
    """Return a decimal fraction in digits."""
    try:
        float(reader.line())
    except ValueError:
        raise BrokenPickleError("it holds a number that is none") from None
    return OPAQUE


def memo_line(reader: ByteReader) -> int:
    """Return a number of the memo in digits."""
    digits = reader.line().strip()
    if not digits.isdigit() or len(digits) > MAX_INTEGER_BYTES:
        raise BrokenPickleError("it names something else than a number of its memo")
    return int(digits)


def persistent_line(reader: ByteReader) -> Value:
    """Return the name of an object that the reader provides."""
    reader.line()
    return PERSISTENT


def quoted_line(reader: ByteReader) -> Value:
    """Return a text as Python 2 writes a literal."""
    line = reader.line().strip()
    if len(line) > MAX_NAME_BYTES:
        return LONG_TEXT
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise BrokenPickleError("it holds a text without quotes")
    return unescaped(line[1:-1])


def unescaped(literal: bytes) -> Value:
    """Return the text of a literal."""
    try:
        return codecs.escape_decode(literal)[0].decode("latin-1")
    except ValueError:
        raise BrokenPickleError("it holds a text with a wrong escape") from None


def unicode_line(reader: ByteReader) -> Value:
    """Return a text with escapes for what is not ASCII."""
    line = reader.line()
    if len(line) > MAX_NAME_BYTES:
        return LONG_TEXT
    try:
        return line.decode("raw-unicode-escape")
    except UnicodeDecodeError:
        raise BrokenPickleError("it holds a text with a wrong escape") from None


PROTO, STOP, FRAME = 0x80, ord("."), 0x95
MAX_PROTOCOL = 5

OPCODES: dict[int, tuple[str, Argument]] = {
    PROTO: ("proto", U1),
    FRAME: ("frame", U8),
    STOP: ("stop", nothing),
    ord("("): ("mark", nothing),
    ord("0"): ("pop", nothing),
    ord("1"): ("pop_mark", nothing),
    ord("2"): ("dup", nothing),
    ord("N"): ("push", nothing),
    0x88: ("push_true", nothing),
    0x89: ("push_false", nothing),
    ord("I"): ("push", number_line),
    ord("J"): ("push", I4),
    ord("K"): ("push", U1),
    ord("M"): ("push", U2),
    ord("L"): ("push", number_line),
    0x8A: ("push", counted(U1, long_integer)),
    0x8B: ("push", counted(I4, long_integer)),
    ord("F"): ("push", float_line),
    ord("G"): ("push", fixed(8)),
    ord("S"): ("push", quoted_line),
    ord("T"): ("push", counted(I4, old_text)),
    ord("U"): ("push", counted(U1, old_text)),
    ord("B"): ("push", counted(U4, blob)),
    ord("C"): ("push", counted(U1, blob)),
    0x8E: ("push", counted(U8, blob)),
    0x96: ("push", counted(U8, blob)),
    0x97: ("push_data", nothing),
    0x98: ("need_top", nothing),
    ord("V"): ("push", unicode_line),
    ord("X"): ("push", counted(U4, text)),
    0x8C: ("push", counted(U1, text)),
    0x8D: ("push", counted(U8, text)),
    ord(")"): ("push_tuple", nothing),
    ord("t"): ("tuple_of_marked", nothing),
    0x85: ("tuple1", nothing),
    0x86: ("tuple2", nothing),
    0x87: ("tuple3", nothing),
    ord("]"): ("push_data", nothing),
    ord("l"): ("data_of_marked", nothing),
    ord("}"): ("push_dict", nothing),
    ord("d"): ("dict_of_marked", nothing),
    0x8F: ("push_data", nothing),
    0x91: ("data_of_marked", nothing),
    ord("a"): ("append", nothing),
    ord("e"): ("append_marked", nothing),
    0x90: ("append_marked", nothing),
    ord("s"): ("set_item", nothing),
    ord("u"): ("set_marked", nothing),
    ord("g"): ("get", memo_line),
    ord("h"): ("get", U1),
    ord("j"): ("get", U4),
    ord("p"): ("put", memo_line),
    ord("q"): ("put", U1),
    ord("r"): ("put", U4),
    0x94: ("memoize", nothing),
    ord("c"): ("import_lines", nothing),
    ord("i"): ("instance_of_lines", nothing),
    ord("o"): ("instance_of_marked", nothing),
    0x93: ("import_from_stack", nothing),
    0x82: ("extension", U1),
    0x83: ("extension", U2),
    0x84: ("extension", I4),
    ord("R"): ("call", nothing),
    0x81: ("new", nothing),
    0x92: ("new_with_keywords", nothing),
    ord("b"): ("build", nothing),
    ord("P"): ("push", persistent_line),
    ord("Q"): ("persistent", nothing),
}
"""By code: what the machine does, and what argument it takes."""
