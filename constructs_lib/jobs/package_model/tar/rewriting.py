"""Writes the headers of a member in the canonical way."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from ...common.tar_blocks import (
    LINK,
    MAGIC,
    MODE,
    NAME,
    NAME_BYTES,
    OLD,
    POSIX,
    PREFIX,
    SIZE,
    TYPE,
    Header,
    extension,
    long_names,
    number_field,
    raw,
    text,
    with_fields,
)
from .fields import field_text, read_number
from .members import FOLDER, TYPES, Member, own_name
from .pax import gives_privileges, pax_payload, pax_records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LONG_LINKS = (b"././@LongSymLink", b"././@LongHardLink")
"""What bsdtar writes into a header in place of a link that it cannot hold."""
_SET_ID_BITS = stat.S_ISUID | stat.S_ISGID


def output_headers(
    member: Member, name: str, target: str, *, may_keep_names: bool = True
) -> Sequence[Header]:
    """Return a member's headers with this name and link; the very same, if nothing changes.

    The numbers in them are right already. This is about what several headers say together: one
    name, one link, one size, and a type that fits.
    """
    headers = member.headers
    is_same = may_keep_names and (name, target) == (member.name, member.target)
    if not (is_same and _has_usual_name(member) and _has_usual_link(member)):
        headers = _renamed(member, raw(name), raw(target))
    block = headers[-1].block
    kind = _usual_type(member.kind, headers)
    fields = [(TYPE, kind)] if block[TYPE] != kind else []
    if read_number(block[SIZE], "size") != member.size:
        fields.append(number_field(member.size, SIZE))
    return [*headers[:-1], Header(with_fields(block, *fields))] if fields else headers


def _usual_type(kind: str, headers: Sequence[Header]) -> bytes:
    block = headers[-1].block
    if block[TYPE] == b"\0" and block[MAGIC] == OLD and len(headers) == 1:
        return b"\0"
    return TYPES[kind]


def names_without_pax(headers: Sequence[Header]) -> tuple[str, str] | None:
    """Return name and link for readers that know no PAX headers; None for the same ones."""
    if len(headers) == 1:
        return None
    records = (pax_records(header.payload) for header in headers if header.type == b"x")
    if not any(b"path" in each or b"linkpath" in each for each in records):
        return None
    block = headers[-1].block
    return text(own_name(block)), text(field_text(block[LINK]))


def _has_usual_name(member: Member) -> bool:
    if len(member.headers) == 1:
        return not member.name.startswith("/")
    name, own = raw(member.name), own_name(member.headers[-1].block)
    long_name, record = member.extensions.long_name, member.extensions.records.get(b"path")
    if name.startswith(b"/"):
        return False
    if long_name is not None:
        return record is None and len(name) >= NAME_BYTES and own in (name[:100], name[:99])
    if record is not None:
        return _is_needed(name) and _is_shortened(own, name)
    return True


def _has_usual_link(member: Member) -> bool:
    if len(member.headers) == 1:
        return True
    target, own = raw(member.target), field_text(member.headers[-1].block[LINK])
    long_link, record = member.extensions.long_link, member.extensions.records.get(b"linkpath")
    if long_link is not None:
        return record is None and len(target) >= NAME_BYTES and own in (target[:100], target[:99])
    if record is not None:
        return _is_needed(target) and own in (*_cut(target), *_LONG_LINKS)
    return True


def _is_needed(value: bytes) -> bool:
    """Whether programs write a PAX record for a name, which a header could not hold."""
    return len(value) > NAME_BYTES or not value.isascii()


def _cut(value: bytes) -> tuple[bytes, bytes]:
    return value[:NAME_BYTES], _replaced(value)[:NAME_BYTES]


def _replaced(value: bytes) -> bytes:
    """Return a name as Python writes it into a header beside a PAX record: in ASCII."""
    return value.decode("utf-8", "surrogateescape").encode("ascii", "replace")


def _is_shortened(own: bytes, name: bytes) -> bool:
    """Whether a header's own name is what a program makes of one that is too long.

    bsdtar leaves out folders in the middle, and the ends of long parts.
    """
    return own in _cut(name) or _is_cut_in_parts(own, name)


def _is_cut_in_parts(own: bytes, name: bytes) -> bool:
    parts = iter(name.split(b"/"))
    return all(any(part.startswith(cut) for part in parts) for cut in own.split(b"/"))


def _renamed(member: Member, name: bytes, link: bytes) -> Sequence[Header]:
    """Return a member's headers with another name and link target, everything else as it was."""
    headers = _with_records(
        member.headers[:-1], lambda keyword: keyword not in (b"path", b"linkpath")
    )
    if member.kind == FOLDER and not name.endswith(b"/"):
        name += b"/"
    block = member.headers[-1].block
    fields = [(NAME, name), (LINK, link)]
    if block[MAGIC] == POSIX:
        fields.append((PREFIX, b""))
    return [*headers, *long_names(name, link), Header(with_fields(block, *fields))]


def _with_records(headers: Sequence[Header], wanted: Callable[[bytes], bool]) -> list[Header]:
    """Return the PAX headers with the wanted records only, without GNU's long names."""
    made = []
    for header in headers:
        records = pax_records(header.payload) if header.type in (b"x", b"g") else {}
        kept = {keyword: value for keyword, value in records.items() if wanted(keyword)}
        if kept:
            made.append(extension(header.block, pax_payload(kept)))
    return made


def privileges(member: Member) -> list[str]:
    """Return what gives whoever runs the file the privileges of another user."""
    found = ["setuid or setgid bit"] if member.mode & _SET_ID_BITS else []
    if any(map(gives_privileges, member.extensions.records)):
        found.append("capabilities")
    return found


def without_privileges(headers: Sequence[Header]) -> Sequence[Header]:
    """Return the same headers without the setuid and setgid bits and without capabilities."""
    made: list[Header] = []
    for header in headers[:-1]:
        kept = _with_records([header], lambda keyword: not gives_privileges(keyword))
        made += kept if header.type == b"x" else [header]
    block = headers[-1].block
    mode = read_number(block[MODE], "mode") & ~_SET_ID_BITS
    return [*made, Header(with_fields(block, number_field(mode, MODE)))]
