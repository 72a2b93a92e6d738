"""What readers understand differently: the packaging job refuses it, or writes it the usual way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.fuzz.blocks import (
    GNU,
    POSIX,
    V7,
    Fields,
    base_256,
    member,
    octal,
    padded,
    record,
    summed,
)
from benchmarks.fuzz.grammar import END, SMUGGLED
from benchmarks.fuzz.packager import CODE, Packager, Refused
from benchmarks.fuzz.tarfile_reader import read_with_tarfile
from benchmarks.fuzz.verdicts import differences
from constructs_lib.jobs.common.code_members import CodeMember, code_tar

MODEL = member(Fields(name=b"model.pth"), b"weights")
CONTENT = b"content"
FILE = Fields(name=b"x", size=octal(len(CONTENT)))
LONG = b"d/" + b"n" * 120


def extension(kind: bytes, payload: bytes, *, hidden: bytes = b"", size: bytes = b"") -> bytes:
    """An extended header, with something hidden behind its payload or in its size."""
    fields = Fields(name=b"extension", type=kind, size=size or octal(len(payload)))
    return fields.block() + padded(payload, hidden)


def pax(*records: tuple[bytes, bytes]) -> bytes:
    return extension(b"x", b"".join(record(keyword, value) for keyword, value in records))


def everywhere(records: bytes) -> bytes:
    return extension(b"g", records) + MODEL


def written(fields: Fields, content: bytes = CONTENT) -> bytes:
    """A header as it is given, then content."""
    return fields.block() + padded(content)


def patched(block: bytes, offset: int, new: bytes) -> bytes:
    return summed(block[:offset] + new + block[offset + len(new) :])


def with_signed_sum(fields: Fields) -> bytes:
    """A file whose checksum is the sum of signed bytes, as very old programs have it."""
    block = fields.block()
    signed = int(block[148:154], 8) - 256 * sum(byte > 127 for byte in block)
    return block[:148] + b"%06o\0 " % signed + block[156:] + padded(CONTENT)


FILE_MEMBER = written(FILE)
PAX_PATH = record(b"path", b"code/inference.py")
REFUSED: dict[str, tuple[bytes, str]] = {
    # numbers
    "mode-in-base-256": (
        written(replace(FILE, mode=base_256(2**54 | 0o4755, 8))),
        "member 'x' has a mode of 18,014,398,509,484,525; 0 to 2,097,151 are allowed",
    ),
    "mode-behind-nul": (written(replace(FILE, mode=b"\0" + b"004755\0")), "mode is not a number"),
    "mode-behind-tab": (written(replace(FILE, mode=b"\t04755 \0")), "mode is not a number"),
    "size-behind-nul": (written(replace(FILE, size=b"\0" + b"0000000007\0")), "size is not a num"),
    "size-behind-tab": (written(replace(FILE, size=b"\t0000000007\0")), "size is not a number"),
    "size-with-more-behind-nul": (written(replace(FILE, size=b"7\0001")), "size is not a number"),
    "endless-owner": (written(replace(FILE, owner=base_256(2**40, 8))), "has a owner of 1,099,511"),
    "pax-size-with-a-point": (pax((b"size", b"7.")) + FILE_MEMBER, "whose size is not a number"),
    "pax-size-with-a-fraction": (pax((b"size", b"7.0")) + FILE_MEMBER, "size is not a number"),
    "pax-size-with-a-zero-before": (pax((b"size", b"07")) + FILE_MEMBER, "size is not a number"),
    "negative-pax-size": (pax((b"size", b"-7")) + FILE_MEMBER, "whose size is not a number"),
    # padding
    "pax-record-in-the-padding": (
        extension(b"x", record(b"comment", b"x"), hidden=PAX_PATH) + FILE_MEMBER,
        "something in the padding of a block, after member 'model.pth'",
    ),
    "long-name-in-the-padding": (
        extension(b"L", LONG, hidden=b"/../x\0") + FILE_MEMBER,
        "something in the padding of a block",
    ),
    "member-in-the-padding": (FILE.block() + padded(CONTENT, SMUGGLED), "padding of a block"),
    "empty-long-name": (extension(b"L", b"", hidden=LONG) + FILE_MEMBER, "extended header of 0"),
    "long-name-behind-its-nul": (
        extension(b"L", b"x\0code/inference.py\0") + FILE_MEMBER,
        "does not end with its first NUL",
    ),
    # keywords
    "keyword-behind-a-blank": (pax((b" path", b"y")) + FILE_MEMBER, "unknown keyword ' path'"),
    "keyword-behind-a-tab": (pax((b"\tpath", b"y")) + FILE_MEMBER, "unknown keyword '\\tpath'"),
    "keyword-with-nul": (pax((b"path\0", b"y")) + FILE_MEMBER, "unknown keyword 'path\\x00'"),
    "global-keyword-behind-a-blank": (everywhere(record(b" path", b"y")), "unknown keyword"),
    "global-keyword-with-nul": (everywhere(record(b"path\0", b"y")), "unknown keyword"),
    "unknown-keyword": (pax((b"VENDOR.path", b"y")) + FILE_MEMBER, "unknown keyword 'VENDOR.path'"),
    "solaris-holes": (pax((b"SUN.holesdata", b" 0 7")) + FILE_MEMBER, "member 'x' is a sparse fil"),
    "star-holes": (pax((b"SCHILY.realsize", b"9")) + FILE_MEMBER, "member 'x' is a sparse file"),
    "padded-length": (extension(b"x", b"011 path=y\n") + FILE_MEMBER, "a damaged PAX header"),
    "no-records": (extension(b"x", b"\n") + FILE_MEMBER, "a damaged PAX header"),
    "empty-path": (pax((b"path", b"")) + FILE_MEMBER, "an improper path"),
    "global-in-the-middle": (everywhere(record(b"comment", b"x")), "that is not its first"),
    # several headers
    "two-pax-headers": (
        pax((b"mtime", b"1")) + pax((b"path", b"y")) + FILE_MEMBER,
        "two extended headers of type b'x' for one member",
    ),
    "two-long-names": (extension(b"L", LONG + b"\0") * 2 + FILE_MEMBER, "two extended headers"),
    "two-sizes": (pax((b"size", b"1024")) + FILE_MEMBER, "member 'x' has headers with two differe"),
    # names and kinds
    "file-with-a-slash": (written(replace(FILE, name=b"x/")), "its name ends with '/' or"),
    "file-with-a-point": (written(replace(FILE, name=b"x/.")), "its name ends with '/' or '/.'"),
    "link-with-a-slash": (Fields(name=b"x/", type=b"2", link=b"y").block(), "ends with '/' or"),
    "hard-link-to-a-slash": (
        Fields(name=b"x", type=b"1", link=b"model.pth/").block(),
        "member 'x' is a hard link to 'model.pth/', which is not a file before it",
    ),
    "old-file-with-a-long-slash": (
        extension(b"L", LONG + b"/\0") + written(replace(FILE, type=b"\0")),
        "its name ends with '/' or",
    ),
    "file-that-links": (written(replace(FILE, link=b"model.pth")), "is a file that links to"),
    "name-behind-a-nul": (written(replace(FILE, name=b"x\0y")), "behind the end of its name"),
    "prefix-behind-a-nul": (
        written(replace(FILE, prefix=b"\0x")),
        "behind the end of its name pre",
    ),
    "backslash": (written(replace(FILE, name=b"\\code\\x")), "begins with a backslash"),
    "drive": (written(replace(FILE, name=b"c:code/inference.py")), "begins with a backslash or"),
    "unknown-format": (
        written(replace(FILE, magic=b"ustar 00")),
        "has a header of no known format",
    ),
    "end-of-a-header": (patched(FILE.block(), 505, b"x") + padded(CONTENT), "where its format has"),
}


@pytest.mark.parametrize(("members", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_readers_take_differently_is_refused(
    tmp_path: Path, members: bytes, reason: str
) -> None:
    verdict = Packager(tmp_path).by_rules(MODEL + members + END)
    assert isinstance(verdict, Refused)
    assert reason in verdict.reason


USUAL = written(FILE)
REWRITTEN: dict[str, tuple[bytes, bytes]] = {
    # numbers
    "blanks-before-digits": (
        written(replace(FILE, mode=b"   644 \0", size=b"          7 ")),
        USUAL,
    ),
    "mode-of-blanks": (written(replace(FILE, owner=b" " * 8)), USUAL),
    "small-size-in-base-256": (written(replace(FILE, size=base_256(7, 12))), USUAL),
    "small-mode-in-base-256": (written(replace(FILE, mode=base_256(0o644, 8))), USUAL),
    "no-size-but-in-pax": (
        pax((b"size", b"7")) + written(replace(FILE, size=octal(0))),
        pax((b"size", b"7")) + USUAL,
    ),
    "full-size-but-in-pax": (
        pax((b"size", b"7")) + written(replace(FILE, size=octal(8**11 - 1))),
        pax((b"size", b"7")) + USUAL,
    ),
    "signed-checksum": (
        with_signed_sum(replace(FILE, name=b"\xff")),
        written(replace(FILE, name=b"\xff")),
    ),
    "other-magic": (written(replace(FILE, magic=b"ustar\0  ")), USUAL),
    # types
    "contiguous-file": (written(replace(FILE, type=b"7")), USUAL),
    "old-type": (written(replace(FILE, type=b"\0")), USUAL),
    "old-folder": (
        Fields(name=b"d/", type=b"\0", magic=GNU).block(),
        Fields(name=b"d/", type=b"5", magic=GNU).block(),
    ),
    "old-folder-by-its-own-name-only": (
        extension(b"L", LONG + b"\0") + written(replace(FILE, name=b"d/", type=b"\0", magic=GNU)),
        extension(b"L", LONG + b"\0") + written(replace(FILE, name=LONG, magic=GNU)),
    ),
    # names
    "root-of-slashes": (
        Fields(name=b"/", type=b"5").block(),
        Fields(name=b"./", type=b"5").block(),
    ),
    "name-in-pax-without-need": (pax((b"path", b"x")) + written(replace(FILE, name=b"y")), USUAL),
    "long-name-without-need": (extension(b"L", b"x\0") + written(replace(FILE, name=b"y")), USUAL),
    "link-in-pax-without-need": (
        pax((b"linkpath", b"x")) + Fields(name=b"l", type=b"2", link=b"../x").block(),
        Fields(name=b"l", type=b"2", link=b"x").block(),
    ),
    "name-for-readers-without-pax": (
        pax((b"path", LONG)) + written(replace(FILE, name=b"code/inference.py")),
        extension(b"L", LONG + b"\0") + written(replace(FILE, name=LONG)),
    ),
    "name-of-another-for-readers-without-pax": (
        pax((b"path", b"model.pth" + b"n" * 100)) + written(replace(FILE, name=b"model.pth")),
        extension(b"L", b"model.pth" + b"n" * 100 + b"\0")
        + written(replace(FILE, name=b"model.pth" + b"n" * 100)),
    ),
    "link-for-readers-without-pax": (
        pax((b"linkpath", LONG)) + Fields(name=b"l", type=b"2", link=b"code").block(),
        extension(b"K", LONG + b"\0") + Fields(name=b"l", type=b"2", link=LONG).block(),
    ),
    # privileges
    "set-id": (
        written(replace(FILE, mode=b"0006755\0")),
        written(replace(FILE, mode=b"0000755\0")),
    ),
    "set-id-of-another-form": (
        written(replace(FILE, mode=b"006755 \0")),
        written(replace(FILE, mode=b"0000755\0")),
    ),
    "capability": (
        pax((b"mtime", b"1"), (b"SCHILY.xattr.security.capability", b"\1\0\0\2")) + USUAL,
        pax((b"mtime", b"1")) + USUAL,
    ),
    "capability-in-other-letters": (
        pax((b"LIBARCHIVE.xattr.security%2Ecapability", b"AQAAAg")) + USUAL,
        USUAL,
    ),
}


def canonical(members: bytes) -> bytes:
    """The members with extended headers as the job writes them."""
    name = b"././@LongLink"
    made = b""
    for at in range(0, len(members), 512):
        block = members[at : at + 512]
        if block[156:157] in (b"L", b"K") and block.startswith(b"extension"):
            size = block[124:136]
            fields = Fields(name=name, type=block[156:157], mode=octal(0, 8), size=size, magic=GNU)
            made += fields.block()
        else:
            made += block
    return made


@pytest.mark.parametrize(("members", "expected"), REWRITTEN.values(), ids=REWRITTEN)
def test_what_means_one_thing_is_written_the_usual_way(
    tmp_path: Path, members: bytes, expected: bytes
) -> None:
    verdict = Packager(tmp_path).by_rules(MODEL + members + END)
    assert not isinstance(verdict, Refused), verdict
    code = CodeMember("inference.py", len(CODE), executable=False, read=lambda: iter([CODE]))
    before = b"".join(code_tar([code])) + MODEL
    assert verdict.startswith(before)
    assert verdict[len(before) : -len(END)] in (expected, canonical(expected))
    assert differences(verdict, {"tarfile": read_with_tarfile(verdict)}) == []


KEPT: dict[str, bytes] = {
    "oldest-format": written(replace(FILE, magic=V7, type=b"\0")),
    "folder-of-the-oldest-format": Fields(name=b"d/", magic=V7, type=b"\0").block(),
    "bsdtar-numbers": written(
        replace(FILE, mode=b"000644 \0", owner=b"000000 \0", group=b"000000 \0", size=b"%011o " % 7)
    ),
    "numbers-that-fill-their-field": written(replace(FILE, mode=b"00000644", owner=b"77777777")),
    "early-time": written(replace(FILE, time=base_256(-5, 12))),
    "large-owner": written(replace(FILE, owner=base_256(3_000_000, 8))),
    "checksum-of-git": written(FILE)[:148]
    + b"0"
    + written(FILE)[148:154]
    + b"\0"
    + written(FILE)[156:],
    "name-in-pax": pax((b"path", LONG)) + written(replace(FILE, name=LONG)),
    "attributes": pax((b"SCHILY.xattr.user.note", b"\0\n=")) + written(FILE),
}


@pytest.mark.parametrize("members", KEPT.values(), ids=KEPT)
def test_what_programs_write_is_kept(tmp_path: Path, members: bytes) -> None:
    verdict = Packager(tmp_path).by_rules(MODEL + members + END)
    assert not isinstance(verdict, Refused), verdict
    assert verdict.endswith(MODEL + members + END)
    assert differences(verdict, {"tarfile": read_with_tarfile(verdict)}) == []


def test_links_that_only_some_readers_see_hold_nothing(tmp_path: Path) -> None:
    """Without PAX the first is a link to code/, through which the second would be written."""
    name = b"d/" + b"n" * 98
    link = pax((b"path", name + b"x")) + Fields(name=name, type=b"2", link=b"../code").block()
    inside = pax((b"path", name + b"y/inference.py")) + written(
        replace(FILE, name=b"inference.py", prefix=name, magic=POSIX)
    )
    plain = written(replace(FILE, name=b"inference.py", prefix=name, magic=POSIX))
    packager = Packager(tmp_path)

    verdict = packager.by_rules(MODEL + link + inside + END)
    assert not isinstance(verdict, Refused), verdict
    assert differences(verdict, {"tarfile": read_with_tarfile(verdict)}) == []

    refused = packager.by_rules(MODEL + link + plain + END)
    assert isinstance(refused, Refused)
    assert "readers that know no PAX headers take for a symbolic link" in refused.reason
