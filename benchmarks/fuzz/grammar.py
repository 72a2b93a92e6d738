"""Makes up archives: mostly as programs write them, with a few oddities in each."""

from __future__ import annotations

from dataclasses import replace
from random import Random

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
)

EVIL = b"verified = False\n"
SMUGGLED = member(Fields(name=b"code/inference.py", magic=GNU), EVIL)
"""A member that no reader may ever see: it stands in contents, and where nothing should stand."""
END = bytes(1024)

NAMES = (
    *(b"config.json", b"d/vocab.txt", b"./tokenizer.json", b"d/e/f", b"d", b"x"),
    *(b"code/old.py", b"./code/inference.py", b"code", b"code2/x", b"a//b", b"./"),
    *(b"d/" + b"n" * 97, b"d/" + b"n" * 98, b"d/" + b"n" * 99, b"d/" + b"n" * 150),
    *(b"d/" * 60 + b"deep", b"d\xc3\xa9/\xc3\xa9", b"by\xfftes", b"back\\slash", b"new\nline"),
)
ODD_NAMES = (
    *(
        b"/",
        b"//",
        b"",
        b".",
        b"..",
        b"../x",
        b"d/../../x",
        b"/etc/x",
        b"x/",
        b"d/vocab.txt/",
        b"x/.",
    ),
    *(b"code/inference.py/", b" code/x", b"code /x", b"code/inference.py", b"./code", b"code/."),
    *(b"\0code/x", b"x\0code/inference.py", b"d/" + b"n" * 97 + b"/", b"d/" + b"n" * 98 + b"/"),
    *(b"n" * 99 + b"/", b"n" * 100 + b"/x", b"model.pth", b"model.pth/", b"\\code", b"Code/x"),
    b"code/inference.py" + b"/" * 100 + b"x",
)
TARGETS = (b"model.pth", b"d/vocab.txt", b"../model.pth", b"x", b"code/inference.py", b"l" * 120)
ODD_TARGETS = (b"/etc/passwd", b"../../x", b"", b"d/../../x", b"code", b".", b"model.pth/", b"..")
CONTENTS = (b"", b"{}", b"weights" * 90, SMUGGLED, SMUGGLED + END, bytes(511) + b"x", bytes(512))
MODES = (b"0000644\0", b"000644 \0", b"0000755\0", b"0100644\0", b"00000644")
ODD_MODES = (
    *(b"0004755\0", b"0006755\0", b"   644 \0", b"\0004755\0", b"\t04755 \0", b"+004755\0"),
    *(base_256(0o4755, 8), base_256(2**54 | 0o4755, 8), b"04755\0\0\0", b"04755\0x\0", bytes(8)),
    *(b"4755    ", b"0o4755\0\0", b"04_755\0\0", b"-000644\0", b"8888888\0", b"        "),
)
ODD_SIZES = (
    *(b"\0%011o", b" %010o\0", b"\t%010o\0", b"+%010o\0", b"%o", b"%o ", b"%011o ", b"%012o"),
    *(b"%o\0x", b"0o%o\0", b"-%010o\0", b"%o.0\0", b"  %o  ", b"\n%o\0", b"%o\0\0007"),
)
RECORDS = (
    *((b"mtime", b"1700000000.5"), (b"atime", b"1700000000"), (b"comment", b"hello")),
    *((b"uid", b"7"), (b"uname", b"user"), (b"SCHILY.dev", b"5"), (b"SCHILY.nlink", b"1")),
    *((b"SCHILY.xattr.user.note", b"\0\1\n="), (b"LIBARCHIVE.creationtime", b"1700000000")),
)
ODD_KEYWORDS = (
    *(b" path", b"\tpath", b"path\0", b"\0path", b"Path", b"path ", b"SUN.holesdata", b"GNU.x"),
    *(b"SCHILY.realsize", b"GNU.sparse.name", b"GNU.sparse.map", b"GNU.sparse.realsize"),
    *(b"GNU.sparse.size", b"hdrcharset", b"realsize", b"SCHILY.filetype", b"RHT.security.selinux"),
    *(b"SCHILY.xattr.security.capability", b"SCHILY.acl.access", b"mtime", b"GNU.volume.label"),
    *(b"VENDOR.key", b"path=", b"linkpath", b"size", b"path", b"charset", b"SCHILY.fflags"),
)
ODD_VALUES = (
    *(b"", b"0", b"512", b"1024", b"5.", b"5.0", b"-1", b"1e3", b" 5", b"05", b"9" * 30, b"1_0"),
    *(
        b"BINARY",
        b"code/inference.py",
        b"../x",
        b"x/",
        b"/",
        b"x\0y",
        b"0 512 1024 512",
        b"model.pth",
    ),
    *(b"d/" + b"n" * 98, b"\xff\xfe", b"nodump", b"schg,uchg"),
)
EXTENSION_NAMES = {b"x": b"PaxHeaders/x", b"g": b"pax_global_header"}
KINDS = (b"0", b"0", b"0", b"0", b"5", b"2", b"1")
ODD_KINDS = (b"\0", b"7", b"S", b"3", b"6", b"V", b"M", b"N", b"X", b"D", b"A", b"L", b"x", b" ")


def make_archive(random: Random) -> bytes:
    """Make an archive with a model in it; about every second one has oddities."""
    oddity = random.choice((0.0, 0.01, 0.03, 0.1))
    maker = _Maker(random, oddity)
    members = [maker.member() for _ in range(random.randint(1, 4))]
    members.insert(random.randrange(len(members) + 1), member(Fields(name=b"model.pth"), b"w"))
    start = maker.extension(b"g", maker.pax_payload()) if random.random() < 0.1 else b""
    return start + b"".join(members) + END + bytes(random.choice((0, 0, 512, 8192)))


class _Maker:
    """Makes one archive's members; how odd they are is the archive's own."""

    def __init__(self, random: Random, oddity: float) -> None:
        self._random = random
        self._oddity = oddity

    def _pick(self, usual: tuple[bytes, ...], odd: tuple[bytes, ...]) -> bytes:
        return self._random.choice(odd if self._odd() else usual)

    def _odd(self) -> bool:
        return self._random.random() < self._oddity

    def member(self) -> bytes:
        """Make a member with its extensions."""
        random = self._random
        kind = self._pick(KINDS, ODD_KINDS)
        name = self._pick(NAMES, ODD_NAMES)
        if kind == b"5" and not name.endswith(b"/") and not self._odd():
            name += b"/"
        link = self._pick(TARGETS, ODD_TARGETS) if kind in b"12" or self._odd() else b""
        content = random.choice(CONTENTS) if kind in b"0\x007" or self._odd() else b""
        magic = random.choice((POSIX, POSIX, GNU, GNU, V7))
        extensions = self._long_names(magic, name, link) + self._odd_extensions(name)
        if magic == POSIX and random.random() < 0.3:
            extensions.append(self.extension(b"x", self.pax_payload()))
        if self._odd():
            random.shuffle(extensions)
        fields = Fields(name=self._own_name(name), type=kind, link=link[:100], magic=magic)
        return b"".join(extensions) + self._block(fields, len(content)) + self._padded(content)

    def _own_name(self, name: bytes) -> bytes:
        return self._random.choice((*NAMES, *ODD_NAMES))[:100] if self._odd() else name[:100]

    def _block(self, fields: Fields, size: int) -> bytes:
        odd = self._random.choice(ODD_SIZES)
        fields = replace(
            fields,
            mode=self._pick(MODES, ODD_MODES),
            size=self._number(size, odd),
            time=octal(1_700_000_000) if not self._odd() else base_256(-5, 12),
            owner_name=b"root\0hidden" if self._odd() else b"" if fields.magic == V7 else b"root",
            prefix=self._random.choice((b"code", b"d", b"..", b"/", b"x\0y"))
            if self._odd()
            else b"",
        )
        return fields.block()

    def _number(self, size: int, odd: bytes) -> bytes:
        if not self._odd():
            return octal(size)
        return self._random.choice((odd % size, octal(0), base_256(size, 12), octal(8**11 - 1)))

    def _padded(self, content: bytes) -> bytes:
        return padded(content, SMUGGLED if self._odd() else b"")

    def _long_names(self, magic: bytes, name: bytes, link: bytes) -> list[bytes]:
        long = [(b"L", b"path", name), (b"K", b"linkpath", link)]
        if magic == POSIX:
            records = b"".join(
                record(key, value)
                for _, key, value in long
                if len(value) > 100 or not value.isascii()
            )
            return [self.extension(b"x", records)] if records else []
        return [
            self.extension(kind, value + b"\0")
            for kind, _, value in long
            if len(value) > 100 or self._odd()
        ]

    def _odd_extensions(self, name: bytes) -> list[bytes]:
        made = []
        for kind in (b"L", b"K", b"x", b"g"):
            if self._odd():
                names = (name, *NAMES, *ODD_NAMES, *TARGETS)
                value = self._random.choice(names) + self._random.choice((b"\0", b"", b"\0x"))
                made.append(self.extension(kind, value if kind in b"LK" else self.pax_payload()))
        return made

    def extension(self, kind: bytes, payload: bytes) -> bytes:
        """Make an extended header; odd ones hide more behind its size."""
        hidden = self._random.choice(
            (record(b"path", b"code/inference.py"), b"code/inference.py\0", SMUGGLED)
        )
        size = octal(len(payload))
        if self._odd():
            size = self._number(len(payload), self._random.choice(ODD_SIZES))
        name = EXTENSION_NAMES.get(kind, b"././@LongLink")
        magic = GNU if kind in b"LK" else POSIX
        block = Fields(name=name, type=kind, size=size, magic=magic).block()
        return block + padded(payload, hidden if self._odd() else b"")

    def pax_payload(self) -> bytes:
        """Make records, of which odd ones have odd keywords or values."""
        random = self._random
        chosen = random.sample(RECORDS, random.randint(1, 3))
        while self._odd():
            value = random.choice((*ODD_VALUES, *NAMES, *ODD_NAMES))
            chosen.insert(random.randrange(len(chosen) + 1), (random.choice(ODD_KEYWORDS), value))
        records = [record(keyword, value) for keyword, value in chosen]
        if self._odd():
            records.append(random.choice((b"\n", b"\0", b"99 path=x\n", b"9 path=x ", b"07 a=b\n")))
        return b"".join(records)
