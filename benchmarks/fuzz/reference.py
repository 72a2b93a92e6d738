"""A reader of its own for what the packaging job may write: strict, and short enough to check.

It knows only the canonical forms, and tells what two kinds of readers make of an archive: those
that know PAX headers, and those that pass over them, as busybox does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from benchmarks.fuzz.trees import FILE, FOLDER, LINK, Node, Tree, file_node, path_of, put

_BLOCK = 512
_OCTAL = re.compile(rb"[0-7]+(?:\0*|  ?\0*)")
_RECORD = re.compile(rb"([1-9][0-9]*) ([A-Za-z][!-<>-~]*)=")
_NUMBERS = {"mode": 100, "owner": 108, "group": 116, "size": 124, "time": 136}
_WIDTHS = {"size": 12, "time": 12}
_HARD_LINK = "hard link"
_KINDS = {b"0": FILE, b"\0": FILE, b"1": _HARD_LINK, b"2": LINK, b"5": FOLDER}
_MAGICS = (b"ustar\x0000", b"ustar  \0", bytes(8))


class NotCanonicalError(Exception):
    """An archive that is not written the one usual way."""


@dataclass
class Views:
    """What readers make of an archive."""

    with_pax: Tree = field(default_factory=dict)
    without_pax: Tree = field(default_factory=dict)


@dataclass
class _Extensions:
    names: dict[bytes, bytes] = field(default_factory=dict)
    """GNU's long names and links, by type."""
    records: dict[bytes, bytes] = field(default_factory=dict)
    """Of the member's PAX header."""
    types: list[bytes] = field(default_factory=list)


def read_strictly(archive: bytes) -> Views:
    """Read an uncompressed archive.

    Raises:
        NotCanonicalError: something in it is not written the usual way.
    """
    views, extensions, at = Views(), _Extensions(), 0
    while archive[at : at + _BLOCK] != bytes(_BLOCK):
        block = archive[at : at + _BLOCK]
        _check(block)
        at += _BLOCK
        kind = block[156:157]
        size = _number(block, "size")
        if kind in b"LKxg":
            _extend(extensions, kind, _content(archive, at, size))
            at += size + -size % _BLOCK
            continue
        real_size = int(extensions.records.get(b"size", size))
        if real_size != size:
            raise NotCanonicalError(f"two sizes at byte {at:,}")
        _add(views, block, extensions, _content(archive, at, size))
        at += size + -size % _BLOCK
        extensions = _Extensions()
    if archive[at:].strip(b"\0") or len(archive) - at < 2 * _BLOCK or extensions.types:
        raise NotCanonicalError("does not end as it should")
    return views


def _check(block: bytes) -> None:
    if len(block) != _BLOCK:
        raise NotCanonicalError("ends too early")
    total = sum(block) - sum(block[148:156]) + 8 * 32
    if block[148:156] not in (b"%06o\0 " % total, b"%07o\0" % total):
        raise NotCanonicalError(f"checksum {block[148:156]!r}")
    if block[257:265] not in _MAGICS:
        raise NotCanonicalError(f"magic {block[257:265]!r}")
    texts = [(0, 100), (157, 257), (265, 297), (297, 329)]
    posix = block[257:263] == b"ustar\0"
    texts += [(345, 500)] if posix else []
    zeros = block[500:] if posix else block[345:]
    zeros += b"" if block[257:265].strip(b"\0") else block[257:329]
    if zeros.strip(b"\0") or any(_text(block, *where) is None for where in texts):
        raise NotCanonicalError("something behind a NUL")
    for name in _NUMBERS:
        _number(block, name)


def _text(block: bytes, start: int, end: int) -> bytes | None:
    value = block[start:end].rstrip(b"\0")
    return None if b"\0" in value else value


def _number(block: bytes, name: str) -> int:
    start, width = _NUMBERS[name], _WIDTHS.get(name, 8)
    value = block[start : start + width]
    if _OCTAL.fullmatch(value):
        return int(value.rstrip(b" \0"), 8)
    if not value.strip(b"\0"):
        return 0
    number = int.from_bytes(value[1:], "big")
    if name != "mode" and value[0] == 0x80 and number >= 1 << 3 * (width - 1):
        return number
    if name == "time" and value[0] == 0xFF:
        return number - (1 << 8 * (width - 1))
    raise NotCanonicalError(f"{name} {value!r}")


def _content(archive: bytes, at: int, size: int) -> bytes:
    end = at + size
    padding = archive[end : end + -size % _BLOCK]
    if padding.strip(b"\0") or end + -size % _BLOCK > len(archive):
        raise NotCanonicalError(f"padding at byte {end:,}")
    return archive[at:end]


def _extend(extensions: _Extensions, kind: bytes, payload: bytes) -> None:
    if kind in extensions.types:
        raise NotCanonicalError(f"two extensions of type {kind!r}")
    extensions.types.append(kind)
    if kind in b"LK":
        if payload.find(b"\0") != len(payload) - 1:
            raise NotCanonicalError(f"a long name {payload!r}")
        extensions.names[kind] = payload[:-1]
        return
    records = _records(payload)
    if kind == b"g" and records.keys() & {b"path", b"linkpath", b"size"}:
        raise NotCanonicalError("a global header with names or sizes")
    if kind == b"x":
        extensions.records = records


def _records(payload: bytes) -> dict[bytes, bytes]:
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(payload):
        match = _RECORD.match(payload, at)
        end = at + int(match[1]) if match else 0
        if not match or not match.end() < end <= len(payload) or payload[end - 1 : end] != b"\n":
            raise NotCanonicalError(f"a PAX header {payload[at:]!r}")
        if match[2] in records or match[2].startswith((b"GNU.", b"SUN.", b"SCHILY.realsize")):
            raise NotCanonicalError(f"a PAX header with {match[2]!r}")
        records[match[2]] = payload[match.end() : end - 1]
        at = end
    return records


def _add(views: Views, block: bytes, extensions: _Extensions, content: bytes) -> None:
    prefix = _text(block, 345, 500)
    own_name = (prefix + b"/" if prefix else b"") + (_text(block, 0, 100) or b"")
    own_link = _text(block, 157, 257) or b""
    blind_name = extensions.names.get(b"L", own_name)
    blind_link = extensions.names.get(b"K", own_link)
    name = extensions.records.get(b"path", blind_name)
    link = extensions.records.get(b"linkpath", blind_link)
    if name.endswith(b"/") and _kind(block, name) != FOLDER:
        raise NotCanonicalError(f"a name {name!r} of type {block[156:157]!r}")
    _put(views.with_pax, block, name, link, content)
    _put(views.without_pax, block, blind_name, blind_link, content)


def _kind(block: bytes, name: bytes) -> str:
    kind = _KINDS.get(block[156:157])
    if kind is None:
        raise NotCanonicalError(f"type {block[156:157]!r}")
    is_old_folder = block[156:157] == b"\0" and name.endswith(b"/")
    return FOLDER if is_old_folder else kind


def _put(tree: Tree, block: bytes, name: bytes, link: bytes, content: bytes) -> None:
    path, target = path_of(_decoded(name)), _decoded(link)
    kind = FOLDER if name.endswith(b"/") else _kind(block, name)
    node = file_node(content, _number(block, "mode"))
    if name.startswith(b"/") or ".." in path.split("/") or (kind != FOLDER and not path):
        raise NotCanonicalError(f"a name {name!r}")
    if kind == FOLDER:
        node = Node(FOLDER, set_id=node.set_id)
    elif kind == LINK:
        node = Node(LINK, target)
    elif kind == _HARD_LINK:
        node = tree.get(path_of(target), Node("absent", target))
    put(tree, path, node)


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
