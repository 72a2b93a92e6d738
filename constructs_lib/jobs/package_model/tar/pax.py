"""PAX headers: the records that readers understand alike, and none else.

Readers differ in what they make of a keyword with blanks around it, of a number with a decimal
point, and of what only some of them know. So there is a list of what may be said.

Sources: POSIX.1-2017 (pax, "pax Extended Header"); star(5) for ``SCHILY``; tar(5) of libarchive
for ``LIBARCHIVE``, ``RHT`` and ``MSWINDOWS``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from ...common.tar_blocks import text
from ..errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_RECORD = re.compile(rb"([1-9]\d{0,8}) ([^=]+)=")
_KEYWORD = re.compile(rb"[A-Za-z][!-<>-~]*")
_ANYTHING = re.compile(rb".*", re.DOTALL)
_TEXT = re.compile(rb"[^\0]+")
_COUNT = re.compile(rb"0|[1-9]\d{0,18}")
_ID = re.compile(rb"0|[1-9]\d{0,8}|[1-3]\d{9}|4[01]\d{8}")
_TIME = re.compile(rb"-?\d{1,12}(\.\d{1,20})?")
_NUMBERS = {
    b"size": _COUNT,
    **dict.fromkeys((b"uid", b"gid"), _ID),
    **dict.fromkeys((b"mtime", b"atime", b"ctime", b"LIBARCHIVE.creationtime"), _TIME),
}
_VALUES = {
    **_NUMBERS,
    **dict.fromkeys((b"path", b"linkpath", b"uname", b"gname"), _TEXT),
    b"comment": _ANYTHING,
    b"hdrcharset": re.compile(rb"BINARY|ISO-IR 10646 2000 UTF-8"),
    **dict.fromkeys(
        (b"SCHILY.dev", b"SCHILY.ino", b"SCHILY.nlink", b"SCHILY.devmajor", b"SCHILY.devminor"),
        re.compile(rb"-?\d{1,20}"),
    ),
    **dict.fromkeys((b"SCHILY.acl.access", b"SCHILY.acl.default", b"SCHILY.acl.ace"), _TEXT),
    **dict.fromkeys((b"SCHILY.fflags", b"LIBARCHIVE.symlinktype"), _TEXT),
    **dict.fromkeys((b"RHT.security.selinux", b"MSWINDOWS.rawsd"), _ANYTHING),
}
"""What the value of each known keyword looks like."""
_ATTRIBUTES = (b"SCHILY.xattr.", b"LIBARCHIVE.xattr.")
"""Extended attributes are called whatever the file system allows."""
_SPARSE = (b"GNU.sparse.", b"SUN.holesdata", b"SCHILY.realsize")
_SPARSE_NAME = re.compile(rb"(?:^|\n)\d+ GNU\.sparse\.name=([^\n\0]+)\n")
_FOR_ONE_MEMBER = (b"path", b"linkpath", b"size", b"hdrcharset")
_CAPABILITY = b"security.capability"


def pax_records(payload: bytes) -> dict[bytes, bytes]:
    r"""Return the records of a PAX header, ``<length> <keyword>=<value>\n`` each.

    Raises:
        RefusedError: it is damaged, or says what readers do not understand alike.
    """
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(payload):
        match = _RECORD.match(payload, at)
        end = at + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(payload) or payload[end - 1] != 0x0A:
            raise RefusedError("has a damaged PAX header")
        keyword, value = match[2], payload[match.end() : end - 1]
        if keyword in records:
            raise RefusedError(f"has a PAX header that says {text(keyword)} twice")
        _check(keyword, value)
        records[keyword] = value
        at = end
    if not records:
        raise RefusedError("has a PAX header that says nothing")
    return records


def _check(keyword: bytes, value: bytes) -> None:
    if keyword.startswith(_SPARSE):
        raise RefusedError(
            f"is a sparse file ({text(keyword)}), which not every reader understands (use GNU tar "
            "without --sparse, or bsdtar with --no-read-sparse)"
        )
    if keyword.startswith(_ATTRIBUTES) and _KEYWORD.fullmatch(keyword):
        return
    usual = _VALUES.get(keyword)
    if usual is None:
        raise RefusedError(f"has a PAX header with the unknown keyword {text(keyword)!r}")
    if usual.fullmatch(value):
        return
    if keyword in _NUMBERS:
        raise RefusedError(f"has a PAX header whose {text(keyword)} is not a number: {value!r}")
    raise RefusedError(f"has a PAX header with an improper {text(keyword)}: {value!r}")


def sparse_name(payload: bytes) -> bytes | None:
    """Return the name of the sparse file that a PAX header tells; its member's own is made up."""
    match = _SPARSE_NAME.search(payload)
    return match[1] if match else None


def refuse_names(records: Mapping[bytes, bytes]) -> None:
    """Refuse a PAX header that gives all members one name or size."""
    for keyword in records:
        if keyword in _FOR_ONE_MEMBER:
            raise RefusedError(f"has a global PAX header that sets {text(keyword)}")


def gives_privileges(keyword: bytes) -> bool:
    """Whether a record gives a program the privileges of another user, as set-id bits do."""
    prefix = next((each for each in _ATTRIBUTES if keyword.startswith(each)), None)
    return prefix is not None and unquote_to_bytes(keyword[len(prefix) :]) == _CAPABILITY


def pax_payload(records: Mapping[bytes, bytes]) -> bytes:
    """Return the payload of a PAX header: every record's length counts its own digits too."""
    lines = []
    for keyword, value in records.items():
        rest = b" " + keyword + b"=" + value + b"\n"
        length = len(rest) + len(str(len(rest)))
        length = len(rest) + len(str(length))
        lines.append(b"%d" % length + rest)
    return b"".join(lines)
