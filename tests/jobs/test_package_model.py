"""The packaging job, from its command line: what it makes, keeps, refuses and leaves behind.

Archives under test are never unpacked to disk: the suite may run as root.
"""

from __future__ import annotations

import array
import contextlib
import functools
import gzip
import hashlib
import io
import itertools
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from constructs_lib.jobs.archive import job_archive
from constructs_lib.jobs.common import limits
from constructs_lib.jobs.common.tar_blocks import with_fields
from constructs_lib.jobs.package_model import job, new_file
from constructs_lib.jobs.package_model.command_line import main
from constructs_lib.jobs.package_model.job import Progress
from constructs_lib.jobs.package_model.tar.members import Member
from constructs_lib.jobs.package_model.tar.scanner import TarScanner
from constructs_lib.jobs.package_model.writing import deflate
from tests.jobs.pythons import PYTHONS, interpreter
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = Path(job.__file__).parent
MIB = 2**20
NOISE = random.Random(1).randbytes(5 * MIB)


# --- Making and reading archives ----------------------------------------------------------------


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A tar member; ``fields`` are attributes of its ``TarInfo``."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def folder(name: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.DIRTYPE, mode=0o755)


def symlink(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.SYMTYPE, linkname=target)


def hard_link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.LNKTYPE, linkname=target)


def tar(*members: tuple[tarfile.TarInfo, bytes], tar_format: int = tarfile.GNU_FORMAT) -> bytes:
    """An uncompressed tar archive."""
    file = io.BytesIO()
    with tarfile.open(
        fileobj=file, mode="w", format=tar_format, errors="surrogateescape"
    ) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


@functools.lru_cache(8)
def packed(content: bytes) -> bytes:
    """One gzip member; tests in a row that package the same compress it once."""
    return gzip.compress(content, 6, mtime=0)


def model_tar(*more: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A small model's tar archive."""
    return tar(member("model.pth", b"weights" * 100), member("config.json", b"{}"), *more)


Entry = tuple[str, bytes, int, str, int, int, bytes | None]


def entries(archive: Path, mode: str = "r:gz") -> list[Entry]:
    """All that a reader sees of an archive: names, kinds, modes, links, times, owners, contents."""
    found: list[Entry] = []
    with tarfile.open(archive, mode, errors="surrogateescape") as opened:  # type: ignore[call-overload]
        for info in opened:
            file = opened.extractfile(info) if info.isreg() else None
            content = file.read() if file else None
            found.append(
                (
                    info.name,
                    info.type,
                    info.mode,
                    info.linkname,
                    int(info.mtime),
                    info.uid,
                    content,
                )
            )
    return found


def names(archive: Path) -> list[str]:
    return [entry[0] for entry in entries(archive)]


@dataclass(frozen=True)
class Outcome:
    """What a run of the job left."""

    exit_code: int
    error: str
    log: str
    output: Path
    left: list[str]

    @property
    def manifest(self) -> dict[str, str | int]:
        content: dict[str, str | int] = json.loads(
            self.output.with_name("manifest.json").read_text()
        )
        return content


class Workbench:
    """Runs the job on a model and some code in a folder of its own."""

    def __init__(
        self,
        root: Path,
        capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        self.model = root / "model.tar.gz"
        self.code = root / "code"
        self.output = root / "output" / "model.tar.gz"
        self.script = root / "package_model.zip"
        self._capsys = capsys
        self._caplog = caplog
        self.script.write_bytes(job_archive("package_model"))
        self.code.mkdir()
        (self.code / "inference.py").write_text("new = True\n")

    def run(self, model: bytes | None = None, *options: str, code: Path | None = None) -> Outcome:
        """Package a model, given as the bytes of its archive."""
        if model is not None:
            self.model.write_bytes(model)
        self._caplog.clear()
        with self._caplog.at_level("INFO"):
            exit_code = main([*self.arguments(code=code), *options])
        left = (
            [path.name for path in self.output.parent.iterdir()]
            if self.output.parent.exists()
            else []
        )
        return Outcome(
            exit_code, self._capsys.readouterr().err, self._caplog.text, self.output, sorted(left)
        )

    def arguments(self, *, code: Path | None = None) -> list[str]:
        """The command line."""
        paths = {"--model": self.model, "--code": code or self.code, "--output": self.output}
        return [str(part) for option in paths.items() for part in option]


@pytest.fixture
def bench(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Workbench:
    return Workbench(tmp_path, capsys, caplog)


NEW_CODE = ["code", "code/inference.py"]
METHODS = pytest.mark.parametrize(
    "options", [(), ("--recompress",)], ids=["copied", "recompressed"]
)


# --- What the output holds ----------------------------------------------------------------------


@METHODS
@pytest.mark.parametrize("position", [0, 1, 2], ids=["first", "between", "last"])
def test_code_is_replaced_and_everything_else_is_kept(
    bench: Workbench, position: int, options: tuple[str, ...]
) -> None:
    kept = [member("a.bin", NOISE, mtime=5, uid=7, mode=0o640), member("b.bin", b"b" * MIB)]
    old = [
        folder("code"),
        member("code/inference.py", b"old"),
        member("code/stale.py", NOISE[:MIB]),
    ]
    members = [*kept[:position], *old, *kept[position:]]

    outcome = bench.run(packed(tar(*members)), *options)

    assert outcome.exit_code == 0
    made = entries(outcome.output)
    assert [entry[0] for entry in made] == [*NEW_CODE, "a.bin", "b.bin"]
    assert made[1][6] == b"new = True\n"
    bench.model.write_bytes(packed(tar(*kept)))
    assert made[2:] == entries(bench.model)
    assert made == entries(outcome.output, "r|gz")


@pytest.mark.parametrize(
    "old",
    [
        [member("./code/inference.py", b"old"), folder("./code/sub/")],
        [member(".//code//deep/old.py", b"old")],
        [symlink("code", "source")],
        [member("code", b"a file")],
        [member("code/lib.py", b"x"), hard_link("code/same.py", "code/lib.py")],
    ],
    ids=["dot-slash", "slashes", "link", "file", "hard-link-inside"],
)
def test_code_is_recognised_however_it_is_spelled(
    bench: Workbench, old: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    outcome = bench.run(packed(model_tar(*old)))
    assert outcome.exit_code == 0
    assert names(outcome.output) == [*NEW_CODE, "model.pth", "config.json"]


def test_names_that_only_look_like_code_are_kept(bench: Workbench) -> None:
    outcome = bench.run(packed(model_tar(member("code2/x"), member("codes"), member("a/code/x"))))
    assert names(outcome.output)[4:] == ["code2/x", "codes", "a/code/x"]


def test_untouched_compressed_blocks_are_copied(bench: Workbench) -> None:
    model = packed(tar(member("a.bin", NOISE), member("code/old.py", b"x"), member("b.bin", NOISE)))
    outcome = bench.run(model)
    made = outcome.output.read_bytes()
    assert made.count(model[100_000:1_000_000]) == 1
    assert made[:-8].endswith(model[-1_000_000:-8])


@pytest.mark.parametrize("reader", ["tar", "bsdtar", "busybox"])
def test_other_readers_list_and_read_the_output(bench: Workbench, reader: str) -> None:
    if not shutil.which(reader):
        pytest.skip(f"{reader} is not installed")
    program = ["busybox", "tar"] if reader == "busybox" else [reader]
    model = tar(member("a.bin", NOISE), member("code/x", b"x"), member("n" * 150, b"long name"))
    output = bench.run(packed(model)).output

    listed = subprocess.run([*program, "-tzf", output], capture_output=True, check=True)
    read = subprocess.run([*program, "-xOzf", output], capture_output=True, check=True)

    assert listed.stderr == read.stderr == b""
    assert listed.stdout.decode().split() == ["code/", "code/inference.py", "a.bin", "n" * 150]
    assert read.stdout == b"new = True\n" + NOISE + b"long name"


def test_gzip_accepts_the_output(bench: Workbench) -> None:
    output = bench.run(packed(tar(member("a", NOISE), member("code/x"), member("b", NOISE)))).output
    subprocess.run(["gzip", "--test", output], check=True)


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize(
    "name",
    [
        "d/" + "n" * 120,
        "d/" * 150 + "x",
        "模型/données.bin",
        "back\\slash",
        "new\nline",
        "by\udcfftes",
    ],
    ids=["long", "deep", "unicode", "backslash", "newline", "not-utf-8"],
)
def test_names_are_kept(bench: Workbench, name: str, tar_format: int) -> None:
    model = tar(member("model.pth"), member(name, b"content"), tar_format=tar_format)
    outcome = bench.run(packed(model))
    assert outcome.exit_code == 0, outcome.error
    bench.model.write_bytes(packed(model))
    assert entries(outcome.output)[2:] == entries(bench.model)
    assert model[:-10240] in gzip.decompress(outcome.output.read_bytes())


def test_links_inside_of_the_archive_are_kept(bench: Workbench) -> None:
    links = [
        symlink("latest.pth", "model.pth"),
        symlink("d/up", "../model.pth"),
        hard_link("copy.pth", "model.pth"),
        symlink("serve.py", "code/inference.py"),
        symlink("long", "x" * 150),
    ]
    outcome = bench.run(packed(model_tar(*links)))
    assert outcome.exit_code == 0
    assert [entry[3] for entry in entries(outcome.output)[4:]] == [
        "model.pth",
        "../model.pth",
        "model.pth",
        "code/inference.py",
        "x" * 150,
    ]


def test_duplicates_are_kept_with_a_warning(bench: Workbench) -> None:
    outcome = bench.run(packed(model_tar(member("config.json", b"second"))))
    assert names(outcome.output).count("config.json") == 2
    assert "warning: member 'config.json' is there more than once" in outcome.log


def test_many_warnings_of_a_kind_are_summed_up(bench: Workbench) -> None:
    outcome = bench.run(packed(model_tar(*[member("config.json")] * 25)))
    assert outcome.log.count("warning: member") == 10
    assert "warning: 15 more: is there more than once" in outcome.log


def test_setuid_and_setgid_bits_are_dropped_with_a_warning(bench: Workbench) -> None:
    outcome = bench.run(packed(model_tar(member("tool", b"x", mode=0o6755), member("last", b"y"))))
    assert [(entry[0], entry[2]) for entry in entries(outcome.output)[4:]] == [
        ("tool", 0o755),
        ("last", 0o644),
    ]
    assert "warning: member 'tool' has its setuid or setgid bit dropped" in outcome.log


# --- Inputs of every shape ----------------------------------------------------------------------


def raw_deflate(content: bytes, level: int, mem_level: int = 8, strategy: int = 0) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15, mem_level, strategy)
    return compressor.compress(content) + compressor.flush()


def gzip_member(content: bytes, body: bytes, flags: int = 0, extra: bytes = b"") -> bytes:
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + extra
    if flags & 2:
        header += (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little")
    trailer = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    return header + body + trailer


def input_shapes() -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    """Ways to write the same tar archive to a file."""
    yield "plain-tar", lambda content: content
    for level in (0, 1, 9):
        yield f"level-{level}", functools.partial(gzip.compress, compresslevel=level)
    yield (
        "fixed-codes",
        lambda content: gzip_member(content, raw_deflate(content, 6, strategy=zlib.Z_FIXED)),
    )
    yield "huge-blocks", lambda content: gzip_member(content, raw_deflate(content, 9, mem_level=9))
    yield "tiny-blocks", lambda content: gzip_member(content, raw_deflate(content, 6, mem_level=1))
    yield (
        "several-members",
        lambda content: b"".join(
            packed(content[start : start + 700_001]) for start in range(0, len(content), 700_001)
        ),
    )
    yield "with-empty-members", lambda content: packed(b"") + packed(content) + packed(b"")
    yield "zeros-after-gzip", lambda content: packed(content) + bytes(100_000)
    yield "zeros-after-tar", lambda content: packed(content + bytes(3 * MIB + 17))
    yield (
        "no-record-padding",
        lambda content: packed(content[: -(-len(content.rstrip(b"\0")) // 512) * 512 + 1024]),
    )
    yield (
        "all-header-fields",
        lambda content: gzip_member(
            content, raw_deflate(content, 6), 0b11110, b"\x03\x00abcname\0comment\0"
        ),
    )


INPUT_SHAPES = dict(input_shapes())


def kept_of_every_shape() -> list[tuple[tarfile.TarInfo, bytes]]:
    return [member("a", NOISE[: 2 * MIB]), member("zeros", bytes(10 * MIB)), member("b", NOISE[:9])]


@functools.lru_cache(1)
def input_of(shape: str) -> bytes:
    """What is packaged both ways, one after the other."""
    first, *others = kept_of_every_shape()
    old = member("code/old.py", b"text " * 100_000)
    return INPUT_SHAPES[shape](tar(first, old, *others))


@METHODS
@pytest.mark.parametrize("shape", INPUT_SHAPES)
def test_inputs_of_every_shape_give_the_same_members(
    bench: Workbench, shape: str, options: tuple[str, ...]
) -> None:
    outcome = bench.run(input_of(shape), *options)
    assert outcome.exit_code == 0, outcome.error
    made = entries(outcome.output)
    assert [(entry[0], entry[6]) for entry in made[2:]] == [
        (info.name, content) for info, content in kept_of_every_shape()
    ]


def test_members_of_more_than_8_gib_are_measured_right() -> None:
    size = 9 * 2**30
    big = tarfile.TarInfo("big.bin")
    big.size = size
    header = big.tobuf(tarfile.GNU_FORMAT)
    assert header[124] == 0x80
    found: list[Member] = []
    scanner = TarScanner(found.append)
    scanner.feed(header)
    piece = bytes(64 * MIB)
    for _ in range(size // len(piece)):
        scanner.feed(piece)
    scanner.feed(tar(member("next.bin")))
    scanner.finish()
    assert [(each.path, each.size) for each in found] == [("big.bin", size), ("next.bin", 0)]


def test_sizes_in_pax_headers_count(bench: Workbench) -> None:
    model = tar(
        member("a", b"12345", pax_headers={"size": "5"}), member("b"), tar_format=tarfile.PAX_FORMAT
    )
    assert names(bench.run(packed(model)).output)[2:] == ["a", "b"]


def test_compressing_anew_is_about_as_small_as_gzip_at_its_best() -> None:
    noise = random.Random(2)
    weights = array.array("f", (noise.gauss(0, 0.02) for _ in range(100_000))).tobytes()
    for content in (weights, Path(__file__).read_bytes(), NOISE[:500_000], bytes(500_000)):
        made = deflate(content)
        assert len(made) <= 1.05 * len(zlib.compress(content, 9)) + 100
        assert zlib.decompressobj(-15).decompress(made) == content


# --- Refused ------------------------------------------------------------------------------------


def patched(content: bytes, offset: int, replacement: bytes) -> bytes:
    return content[:offset] + replacement + content[offset + len(replacement) :]


def resummed(content: bytes, offset: int, replacement: bytes) -> bytes:
    """The first header patched, and its checksum made right again."""
    header = patched(content, offset, replacement)[:512]
    return with_fields(header) + content[512:]


def pax(records: dict[str, str], **fields: object) -> bytes:
    return tar(member("x", b"12345", pax_headers=records, **fields), tar_format=tarfile.PAX_FORMAT)


def damaged_body(model: bytes) -> bytes:
    middle = len(model) // 2
    return patched(model, middle, bytes([model[middle] ^ 0x10]))


MODEL = model_tar()
NOISY = packed(tar(member("model.pth", NOISE[:50_000])))
REFUSED: dict[str, tuple[bytes, str]] = {
    # paths and links
    "parent-path": (packed(model_tar(member("../evil"))), "'../evil' has '..' in its path"),
    "hidden-parent-path": (packed(model_tar(member("a/../../evil"))), "has '..' in its path"),
    "parent-path-in-old-code": (packed(model_tar(member("code/../../evil"))), "has '..'"),
    "absolute-path": (packed(model_tar(member("/etc/evil"))), "'/etc/evil' has an absolute path"),
    "parent-path-in-pax": (packed(pax({"path": "../evil"})), "'../evil' has '..' in its path"),
    "no-name": (packed(model_tar(member(""))), "has no proper name"),
    "nul-in-name": (packed(pax({"path": "a\0b"})), "an improper path: b'a\\x00b'"),
    "endless-name": (packed(model_tar(member("n" * 5000))), "more than 4,095 bytes"),
    "file-as-root": (packed(model_tar(member("."))), "is a file without a name"),
    "absolute-link": (packed(model_tar(symlink("l", "/etc/passwd"))), "'l' links to '/etc/passwd'"),
    "leaving-link": (
        packed(model_tar(symlink("d/l", "../../x"))),
        "outside of the archive; only relative links inside are allowed (put the files in place of "
        "links to them: tar -h, or cp -rL of a folder)",
    ),
    "leaving-link-in-old-code": (packed(model_tar(symlink("code/l", "/x"))), "outside of the arch"),
    "leaving-through-links": (
        packed(model_tar(symlink("d/e/up", "../.."), symlink("l", "d/e/up/../x"))),
        "'l' links to 'd/e/up/../x', outside",
    ),
    "leaving-through-a-later-link": (
        packed(model_tar(symlink("l", "d/e/up/../x"), symlink("d/e/up", "../.."))),
        "'l' links to 'd/e/up/../x', outside",
    ),
    "links-in-a-circle": (packed(model_tar(symlink("a", "b"), symlink("b", "a"))), "in a circle"),
    "link-to-nothing": (packed(model_tar(symlink("a", ""))), "not a proper target"),
    "member-inside-a-link": (
        packed(model_tar(symlink("l", "d"), member("l/x"))),
        "'l/x' is inside of 'l', which is a symbolic link",
    ),
    "link-in-place-of-a-folder": (
        packed(model_tar(member("l/x"), symlink("l", "d"))),
        "'l' is there twice, as a folder and as a symbolic link",
    ),
    "file-over-a-link": (
        packed(model_tar(symlink("l", "config.json"), member("l", b"x"))),
        "'l' is there twice, as a symbolic link and as a file",
    ),
    "member-inside-a-file": (packed(model_tar(member("model.pth/x"))), "which is a file"),
    "hard-link-into-code": (
        packed(model_tar(member("code/a.py"), hard_link("a.py", "code/a.py"))),
        "'a.py' is a hard link to 'code/a.py', in the code/ that is replaced",
    ),
    "hard-link-into-code-spelled-otherwise": (
        packed(model_tar(member("code/a.py"), hard_link("a.py", ".//code/a.py"))),
        "'a.py' is a hard link to './/code/a.py', in the code/ that is replaced",
    ),
    "file-over-a-hard-link": (
        packed(model_tar(hard_link("h", "model.pth"), member("h", b"x"))),
        "'h' is there twice, as a hard link and as a file",
    ),
    "file-over-a-hard-linked-file": (
        packed(model_tar(hard_link("h", "model.pth"), member("model.pth", b"x"))),
        "'model.pth' is there twice, as a hard link and as a file",
    ),
    "hard-link-to-nothing": (packed(model_tar(hard_link("a", "b"))), "not a file before it"),
    "hard-link-to-outside": (packed(model_tar(hard_link("a", "../b"))), "has '..'"),
    "hard-link-to-a-link": (
        packed(model_tar(symlink("s", "model.pth"), hard_link("h", "s"))),
        "not a file before it",
    ),
    # kinds
    "device": (packed(model_tar(member("d", type=tarfile.CHRTYPE))), "'d' is a character device"),
    "block-device": (packed(model_tar(member("d", type=tarfile.BLKTYPE))), "is a block device"),
    "fifo": (packed(model_tar(member("f", type=tarfile.FIFOTYPE))), "'f' is a FIFO"),
    "sparse": (packed(resummed(MODEL, 156, b"S")), "is a sparse file"),
    "sparse-in-pax": (packed(pax({"GNU.sparse.major": "1"})), "'x' is a sparse file"),
    "sparse-of-bsdtar": (
        packed(pax({"GNU.sparse.name": "real.bin", "path": "GNUSparseFile.0/real.bin"})),
        "member 'real.bin' is a sparse file (GNU.sparse.name), which not every reader understands "
        "(use GNU tar without --sparse, or bsdtar with --no-read-sparse)",
    ),
    "unknown-kind": (packed(resummed(MODEL, 156, b"Q")), "of the unknown type b'Q'"),
    "folder-with-content": (packed(resummed(MODEL, 156, b"5")), "is a folder with 700 bytes"),
    "link-with-content": (packed(resummed(MODEL, 156, b"2")), "symbolic link with 700 bytes"),
    # headers
    "bad-checksum": (packed(patched(MODEL, 10, b"x")), "wrong checksum, at its start"),
    "bad-checksum-in-plain-tar": (patched(MODEL, 10, b"x"), "is something else, not a gzip"),
    "bad-checksum-later": (
        packed(patched(MODEL, 1536 + 10, b"x")),
        "a header with a wrong checksum, after member 'model.pth'",
    ),
    "negative-size": (packed(resummed(MODEL, 124, b"\xff" * 12)), "has a size of -1; 0 to"),
    "owner-is-no-number": (packed(resummed(MODEL, 108, b"root   \0")), "owner is not a number"),
    "time-is-no-number": (packed(resummed(MODEL, 136, b"yesterday  \0")), "time is not a number"),
    "pax-time-is-no-number": (packed(pax({"mtime": "now"})), "whose mtime is not a number"),
    "endless-pax-size": (packed(pax({"size": "9" * 9999})), "whose size is not a number"),
    "size-with-sign": (packed(resummed(MODEL, 124, b"+0000000001\0")), "size is not a number"),
    "two-names": (
        packed(tar(member("n" * 120))[:1024] + pax({"path": "other"})),
        "different values for its name",
    ),
    "two-sizes": (packed(pax({"size": "3"})), "two different sizes"),
    "two-paths-in-pax": (
        packed(pax({"xath": "a", "path": "b"}).replace(b"xath=", b"path=")),
        "says path twice",
    ),
    "broken-pax": (packed(pax({"comment": "hello"}).replace(b"17 comm", b"99 comm")), "PAX header"),
    "global-pax-path": (
        packed(resummed(pax({"path": "a"}), 156, b"g")),
        "a global PAX header that sets path",
    ),
    "global-pax-sparse": (
        packed(resummed(pax({"GNU.sparse.major": "1"}), 156, b"g")),
        "is a sparse file (GNU.sparse.major)",
    ),
    "huge-long-name": (
        packed(resummed(tar(member("n" * 120)), 124, b"77777777777\0")),
        "an extended header of 8,589,934,591 bytes",
    ),
    "prefix-outside-of-ustar": (packed(resummed(MODEL, 345, b"../..")), "name prefix outside"),
    # ends
    "empty-file": (b"", "is empty (0 bytes)"),
    "empty-tar": (packed(bytes(10240)), "holds no model"),
    "only-code": (packed(tar(folder("./"), member("code/x"))), "holds no model"),
    "no-end-of-archive": (packed(MODEL[:2560]), "ends too early at or after member 'config.json'"),
    "end-inside-a-member": (packed(MODEL[:800]), "ends too early at or after member 'model.pth'"),
    "end-inside-a-header": (packed(MODEL[:1700]), "ends too early"),
    "one-block-of-zeros": (packed(MODEL[:2560] + bytes(512)), "ends too early"),
    "member-after-one-block-of-zeros": (
        packed(MODEL[:2560] + bytes(512) + MODEL),
        "one block of zeros",
    ),
    "junk-after-tar": (packed(MODEL + b"junk"), "something else after the zeros"),
    "second-tar-after-tar": (packed(MODEL + MODEL), "something else after the zeros"),
    # compression
    "truncated-header": (NOISY[:5], "truncated"),
    "truncated-body": (NOISY[:10_000], "is truncated"),
    "truncated-trailer": (NOISY[:-3], "is truncated"),
    "missing-trailer": (NOISY[:-8], "is truncated"),
    "bad-crc": (patched(NOISY, len(NOISY) - 8, b"\0\0\0\0"), "does not match its CRC"),
    "bad-size": (patched(NOISY, len(NOISY) - 4, b"\0\0\0\0"), "does not match its CRC"),
    "bad-body": (damaged_body(NOISY), "damaged"),
    "bad-gzip-method": (patched(NOISY, 2, b"\x07"), "bad gzip header"),
    "reserved-gzip-flag": (patched(NOISY, 3, b"\x20"), "bad gzip header"),
    "bad-gzip-header-crc": (
        gzip_member(MODEL, raw_deflate(MODEL, 6), 2)[:10]
        + b"\0\0"
        + gzip_member(MODEL, raw_deflate(MODEL, 6), 2)[12:],
        "damaged gzip header",
    ),
    "junk-after-gzip": (NOISY + b"junk", "something else after its gzip data"),
    "gzip-after-zeros": (NOISY + bytes(100) + NOISY, "something else after its gzip data"),
    "junk-after-zeros": (NOISY + bytes(600_000) + b"junk", "something else after its gzip data"),
    "second-gzip-is-junk": (NOISY + packed(b"junk"), "something else after the zeros"),
    "zip": (b"PK\x03\x04" + NOISE[:1000], "is a zip file, as torch.save writes too"),
    "old-torch-file": (
        b"\x80\x02\x8a" + NOISE[:1000],
        "put it into one: tar -czf model.tar.gz FILE",
    ),
    "bzip2": (b"BZh9" + NOISE[:1000], "bzip2, not a gzip-compressed tar archive (bzip2 -dc FILE"),
    "xz": (b"\xfd7zXZ\0" + NOISE[:1000], "compressed with xz"),
    "zstd": (b"\x28\xb5\x2f\xfd" + NOISE[:1000], "compressed with zstd"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + NOISE[:1000], "is a 7z file"),
    "lz4": (b"\x04\x22\x4d\x18" + NOISE[:1000], "is compressed with lz4"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + NOISE[:1000], "is a file in HDF5"),
    "text": (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "is something else"),
}


@METHODS
@pytest.mark.parametrize(("model", "reason"), REFUSED.values(), ids=REFUSED)
def test_unsafe_and_damaged_models_are_refused(
    bench: Workbench, model: bytes, reason: str, options: tuple[str, ...]
) -> None:
    outcome = bench.run(model, *options)
    assert outcome.exit_code == 1
    assert reason in outcome.error
    assert outcome.error.startswith(f"error: {bench.model}: ")
    assert outcome.error.count("\n") == 1
    assert outcome.left == []


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """80 MiB of zeros and no end, in 80 KiB."""
    header = member("zeros")[0]
    header.size = 2**33 - 1
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [compressor.compress(header.tobuf(tarfile.GNU_FORMAT))]
    parts += [compressor.compress(bytes(MIB)) for _ in range(80)]
    return b"".join(parts)


def test_a_bomb_ends_early_in_constant_memory(bench: Workbench, bomb: bytes) -> None:
    bench.model.write_bytes(bomb)
    limit = ["--max-unpacked-bytes", str(70 * MIB)]
    # Through a small process: a child of a large one is accounted its parent's memory.
    run = "import sys, resource, subprocess as s; s.call(sys.argv[1:]); "
    run += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    done = subprocess.run(
        [sys.executable, "-c", run, sys.executable, bench.script, *bench.arguments(), *limit],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "unpacks to more than 73,400,320 bytes" in done.stderr
    assert int(done.stdout.split()[-1]) < 64 * 1024
    assert list(bench.output.parent.iterdir()) == []


def test_a_bomb_is_known_by_its_ratio(
    bench: Workbench, bomb: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RATIO_FREE_BYTES", MIB)
    outcome = bench.run(bomb)
    assert (outcome.exit_code, outcome.left) == (1, [])
    assert "unpacks to more than 200 times its size" in outcome.error
    assert "truncated" in bench.run(None, "--max-ratio", "2000").error


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--max-unpacked-bytes", "5000"), "unpacks to more than 5,000 bytes"),
        (("--max-members", "2"), "more than 2 files and folders"),
    ],
)
def test_limits_can_be_set(bench: Workbench, options: tuple[str, str], reason: str) -> None:
    outcome = bench.run(packed(model_tar(member("third"))), *options)
    assert (outcome.exit_code, outcome.left) == (1, [])
    assert reason in outcome.error


def test_an_archive_may_have_as_many_members_as_the_limit_says(bench: Workbench) -> None:
    model = packed(model_tar())
    count = int(bench.run(model).manifest["member_count"])

    assert bench.run(model, "--max-members", str(count)).exit_code == 0
    outcome = bench.run(model, "--max-members", str(count - 1))
    assert (outcome.exit_code, outcome.left) == (1, [])


def test_deep_and_wide_links_end_in_time(bench: Workbench) -> None:
    links = [symlink(f"l{n}", "/".join([f"l{n + 1}"] * 100)) for n in range(60)]
    outcome = bench.run(packed(model_tar(*links)))
    assert outcome.exit_code == 1
    assert "in a circle" in outcome.error


# --- A single folder around everything ----------------------------------------------------------

WRAPPED = [
    folder("./"),
    folder("./export"),
    member("./export/model.pth", b"weights", mode=0o600),
    member("export/code/old.py", b"old"),
    member("export/" + "n" * 120, b"long"),
    hard_link("export/copy.pth", "export/model.pth"),
    symlink("export/latest", "model.pth"),
    symlink("export/" + "l" * 110, "n" * 120),
]


def test_a_single_folder_is_refused_with_a_hint(bench: Workbench) -> None:
    outcome = bench.run(packed(tar(*WRAPPED)))
    assert (outcome.exit_code, outcome.left) == (1, [])
    assert "tar -czf model.tar.gz -C 'export' ." in outcome.error


OF_MACOS = [
    member("._export", b"\0\5\x16\7"),
    member(".DS_Store", b"\0\0\0\1Bud1"),
    folder("export"),
    member("export/._model.pth", b"\0\5\x16\7"),
    member("export/model.pth", b"weights"),
]


@pytest.mark.parametrize("order", [OF_MACOS, OF_MACOS[::-1]], ids=["before", "after"])
def test_files_of_macos_hide_no_single_folder(
    bench: Workbench, order: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    outcome = bench.run(packed(tar(*order)))
    assert (outcome.exit_code, outcome.left) == (1, [])
    assert "inside of one folder, 'export'" in outcome.error
    assert "processing_script_arguments" in outcome.error

    outcome = bench.run(packed(tar(*order)), "--single-folder", "flatten")
    assert outcome.exit_code == 0, outcome.error
    assert sorted(names(outcome.output)[2:]) == ["._model.pth", "model.pth"]


def test_files_of_macos_beside_others_are_kept(bench: Workbench) -> None:
    outcome = bench.run(packed(model_tar(member("._model.pth", b"\0"))))
    assert "._model.pth" in names(outcome.output)
    assert "holds no model" in bench.run(packed(tar(member("._model.pth", b"\0")))).error


def test_a_single_folder_can_be_kept(bench: Workbench) -> None:
    outcome = bench.run(packed(tar(*WRAPPED)), "--single-folder", "keep")
    assert names(outcome.output)[2:5] == [".", "./export", "./export/model.pth"]
    assert "export/code/old.py" in names(outcome.output)


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_single_folder_can_be_taken_away(bench: Workbench, tar_format: int) -> None:
    model = tar(*WRAPPED, member("export/l", pax_headers={"mtime": "9.5"}), tar_format=tar_format)
    outcome = bench.run(packed(model), "--single-folder", "flatten")
    assert outcome.exit_code == 0, outcome.error
    assert [(entry[0], entry[3], entry[6]) for entry in entries(outcome.output)[2:]] == [
        (".", "", None),
        ("model.pth", "", b"weights"),
        ("n" * 120, "", b"long"),
        ("copy.pth", "model.pth", None),
        ("latest", "model.pth", None),
        ("l" * 110, "n" * 120, None),
        ("l", "", b""),
    ]
    with tarfile.open(outcome.output) as archive:
        assert archive.getmember("l").mtime == (9.5 if tar_format == tarfile.PAX_FORMAT else 0)


def test_a_single_folder_can_be_taken_away_from_prefixes(bench: Workbench) -> None:
    model = tar(
        member("export/d/" + "n" * 95, b"1"),
        member("export/" + "m" * 95, b"2"),
        member("export/" + "d/" * 60 + "x", b"3"),
        tar_format=tarfile.USTAR_FORMAT,
    )
    outcome = bench.run(packed(model), "--single-folder", "flatten")
    assert [(entry[0], entry[6]) for entry in entries(outcome.output)[2:]] == [
        ("d/" + "n" * 95, b"1"),
        ("m" * 95, b"2"),
        ("d/" * 60 + "x", b"3"),
    ]


def test_flattening_needs_a_single_folder(bench: Workbench) -> None:
    model = tar(member("export/model.pth"), member("other/x"))
    outcome = bench.run(packed(model), "--single-folder", "flatten")
    assert outcome.exit_code == 1
    assert "'other/x' is not inside of 'export'" in outcome.error


def test_flattening_leaves_other_archives_alone(bench: Workbench) -> None:
    plain, flattened = bench.run(packed(MODEL)), bench.run(None, "--single-folder", "flatten")
    assert plain.manifest == flattened.manifest


def test_a_link_that_leaves_only_the_flattened_archive_is_refused(bench: Workbench) -> None:
    model = tar(member("export/model.pth"), symlink("export/up", "../x"))
    outcome = bench.run(packed(model), "--single-folder", "flatten")
    assert outcome.exit_code == 1
    assert "'up' links to '../x', outside" in outcome.error


# --- Code ---------------------------------------------------------------------------------------


def code_archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(packed(tar(*members)))
    return path


def test_code_gives_the_same_bytes_however_it_arrives(bench: Workbench, tmp_path: Path) -> None:
    (bench.code / "lib").mkdir()
    (bench.code / "lib" / "util.py").write_text("pass")
    (bench.code / "run.sh").write_text("exit")
    (bench.code / "run.sh").chmod(0o700)
    (bench.code / "lib" / "link.py").symlink_to("util.py")
    (bench.code / "lib" / "__pycache__").mkdir()
    (bench.code / "lib" / "__pycache__" / "util.pyc").write_bytes(b"made here")
    members = [
        member("./run.sh", b"exit", mode=0o755, mtime=77, uid=5),
        folder("lib"),
        member("lib/util.py", b"pass"),
        symlink("lib/link.py", "util.py"),
        member("lib/__pycache__/util.pyc", b"made there"),
        member("inference.py", b"new = True\n", mode=0o600),
    ]
    archive = code_archive(tmp_path / "one" / "code.tar.gz", *members)
    shuffled = code_archive(tmp_path / "two.tar.gz", *reversed(members))

    from_folder = bench.run(packed(MODEL))
    made = entries(from_folder.output)[:6]
    manifests = [bench.run(code=code).manifest for code in (archive, archive.parent, shuffled)]

    assert manifests == [from_folder.manifest] * 3
    assert [(entry[0], oct(entry[2]), entry[3], entry[4:6]) for entry in made] == [
        ("code", "0o755", "", (315_532_800, 0)),
        ("code/lib", "0o755", "", (315_532_800, 0)),
        ("code/inference.py", "0o644", "", (315_532_800, 0)),
        ("code/lib/link.py", "0o777", "util.py", (315_532_800, 0)),
        ("code/lib/util.py", "0o644", "", (315_532_800, 0)),
        ("code/run.sh", "0o755", "", (315_532_800, 0)),
    ]


def test_hard_links_in_a_code_archive_become_files(bench: Workbench, tmp_path: Path) -> None:
    members = [member("a.py", b"old"), member("a.py", b"same"), hard_link("b.py", "a.py")]
    code = code_archive(tmp_path / "code.tgz", *members)
    outcome = bench.run(packed(MODEL), code=code)
    assert [(entry[0], entry[6]) for entry in entries(outcome.output)[1:3]] == [
        ("code/a.py", b"same"),
        ("code/b.py", b"same"),
    ]
    assert "warning: member 'a.py' is there more than once" in outcome.log


def test_large_code_and_long_names_in_code_are_kept(bench: Workbench) -> None:
    (bench.code / ("n" * 200)).write_bytes(NOISE)
    (bench.code / "link").symlink_to("n" * 200)
    made = entries(bench.run(packed(MODEL)).output)
    assert [(entry[0], entry[3]) for entry in made[1:4]] == [
        ("code/inference.py", ""),
        ("code/link", "n" * 200),
        ("code/" + "n" * 200, ""),
    ]
    assert made[3][6] == NOISE


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([member("../evil.py")], "has '..' in its path"),
        ([member("/evil.py")], "has an absolute path"),
        ([symlink("l", "../../x")], "outside of the archive"),
        ([symlink("d/up", "../.."), member("x")], "outside of the archive"),
        ([symlink("l", "d"), member("l/x")], "is inside of 'l'"),
        ([hard_link("a", "b")], "not a file before it"),
        ([member("f", type=tarfile.FIFOTYPE)], "is a FIFO"),
        ([folder("d")], "holds no code"),
    ],
)
def test_unsafe_code_archives_are_refused(
    bench: Workbench, tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], reason: str
) -> None:
    code = code_archive(tmp_path / "code.tar.gz", *members)
    outcome = bench.run(packed(MODEL), code=code)
    assert (outcome.exit_code, outcome.left) == (1, [])
    assert outcome.error.startswith(f"error: {code}: ")
    assert reason in outcome.error


def test_unsafe_code_folders_are_refused(bench: Workbench) -> None:
    (bench.code / "secrets").symlink_to("/etc/passwd")
    outcome = bench.run(packed(MODEL))
    assert outcome.exit_code == 1
    assert "'secrets' links to '/etc/passwd', outside of the archive" in outcome.error
    (bench.code / "secrets").unlink()
    os.mkfifo(bench.code / "pipe")
    assert "'pipe' is not a file, folder or link" in bench.run().error


def test_damaged_code_is_refused(bench: Workbench, tmp_path: Path) -> None:
    code = tmp_path / "code.tar.gz"
    code.write_bytes(NOISY[:-1])
    assert "is truncated" in bench.run(packed(MODEL), code=code).error


def test_code_without_the_entry_point_is_refused(bench: Workbench) -> None:
    outcome = bench.run(packed(MODEL), "--entry-point", "serve.py")
    assert (outcome.exit_code, outcome.left) == (1, [])
    assert "has no entry point 'serve.py' at its root; it holds 'inference.py'" in outcome.error
    assert bench.run(None, "--entry-point", "inference.py").exit_code == 0


# --- Manifest, determinism, log -----------------------------------------------------------------


def test_the_manifest_describes_the_output(bench: Workbench) -> None:
    outcome = bench.run(packed(model_tar(member("code/a"), member("code/b"))))
    made = outcome.output.read_bytes()
    with tarfile.open(outcome.output) as archive:
        assert outcome.manifest["member_count"] == len(archive.getmembers())
    assert outcome.left == ["manifest.json", "model.tar.gz"]
    assert outcome.manifest["sha256"] == hashlib.sha256(made).hexdigest()
    assert outcome.manifest["crc32"] == f"{zlib.crc32(made):08x}"
    assert outcome.manifest["size_bytes"] == len(made)
    assert outcome.manifest["unpacked_size_bytes"] == len(gzip.decompress(made))
    source = bench.model.read_bytes()
    assert outcome.manifest["source_sha256"] == hashlib.sha256(source).hexdigest()
    assert outcome.manifest["source_size_bytes"] == len(source)


def test_the_manifest_can_stand_elsewhere_too(bench: Workbench, tmp_path: Path) -> None:
    elsewhere = tmp_path / "manifests" / "m.json"
    outcome = bench.run(packed(MODEL), "--manifest", str(elsewhere))
    assert json.loads(elsewhere.read_text()) == outcome.manifest


def test_other_files_are_published_with_the_output(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "payload").mkdir()
    (tmp_path / "payload" / "1234.gz").write_bytes(b"payload")
    published = tmp_path / "published"
    copies = ["--copy", str(tmp_path / "payload"), str(published / "payload.tar.gz")]
    copies += ["--copy", str(tmp_path / "payload" / "1234.gz"), str(published / "second")]

    assert bench.run(packed(MODEL), *copies).exit_code == 0
    assert [path.read_bytes() for path in published.iterdir()] == [b"payload", b"payload"]
    assert bench.run(NOISY[:-1], *copies).exit_code == 1
    assert list(published.iterdir()) == []


def test_an_empty_file_is_published_too(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    published = tmp_path / "published"

    outcome = bench.run(packed(MODEL), "--copy", str(tmp_path / "empty"), str(published))

    assert outcome.exit_code == 0
    assert published.read_bytes() == b""


def test_a_file_to_publish_has_to_be_there(bench: Workbench, tmp_path: Path) -> None:
    outcome = bench.run(packed(MODEL), "--copy", str(tmp_path / "absent"), str(tmp_path / "x"))
    assert (outcome.exit_code, outcome.left) == (1, [])
    assert f"{tmp_path / 'absent'}: no such file" in outcome.error


def test_only_changed_code_changes_the_code_digest(bench: Workbench) -> None:
    first = bench.run(packed(MODEL)).manifest
    os.utime(bench.code / "inference.py", (1, 1))
    second = bench.run(packed(model_tar(member("more")))).manifest
    (bench.code / "inference.py").write_text("newer = True")
    third = bench.run().manifest
    assert first["code_sha256"] == second["code_sha256"] != third["code_sha256"]


def test_the_number_of_processors_changes_nothing(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bench.run(packed(tar(member("a", NOISE))), "--recompress").manifest
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert bench.run(None, "--recompress").manifest == first


def test_the_log_says_which_way_was_taken(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "method: copying compressed blocks (zlib 1." in bench.run(packed(MODEL)).log
    monkeypatch.setattr(job, "library", lambda: None)
    without = bench.run()
    assert "method: compressing everything anew (no zlib found)" in without.log
    assert names(without.output) == [*NEW_CODE, "model.pth", "config.json"]


def test_progress_is_logged_with_rate_and_time_left(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(step=2)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    progress = Progress(total_bytes=100_000_000)
    with caplog.at_level("INFO"):
        for done in range(10_000_000, 70_000_000, 10_000_000):
            progress.update(done)
    assert [record.message for record in caplog.records] == [
        "30.0 of 100.0 MB read (30 %), 5 MB/s, 14 s left",
        "60.0 of 100.0 MB read (60 %), 5 MB/s, 8 s left",
    ]


# --- Failing without a trace --------------------------------------------------------------------


@contextlib.contextmanager
def started(
    bench: Workbench, before: Callable[[], None] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The job in a process of its own."""
    bench.output.parent.mkdir()
    with subprocess.Popen(
        [sys.executable, bench.script, *bench.arguments()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
    ) as process:
        yield process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_nothing(bench: Workbench, number: signal.Signals) -> None:
    os.mkfifo(bench.model)
    with started(bench) as process:
        with bench.model.open("wb") as pipe:
            pipe.write(packed(tar(member("a", NOISE)))[: 3 * MIB])
            pipe.flush()
            while not list(bench.output.parent.iterdir()):
                os.sched_yield()
            process.send_signal(number)
            # Before the pipe is closed, which is an error of its own.
            wait_until(lambda: not list(bench.output.parent.iterdir()))
        _, error = process.communicate(timeout=300)
    assert (process.returncode, error) == (1, f"error: stopped by {number.name}\n")
    assert list(bench.output.parent.iterdir()) == []


@pytest.mark.parametrize("option", ["--entry-point", "--serving"])
def test_code_that_is_refused_waits_for_no_writer_of_the_model(
    bench: Workbench, option: str
) -> None:
    os.mkfifo(bench.model)
    value = {"--entry-point": "absent.py", "--serving": "ray"}[option]
    bench.output.parent.mkdir()
    ended = subprocess.run(
        [sys.executable, bench.script, *bench.arguments(), option, value],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 1
    assert "entry" in ended.stderr
    assert list(bench.output.parent.iterdir()) == []


def test_a_model_that_grows_while_it_is_read_is_as_large_as_what_was_read(
    bench: Workbench,
) -> None:
    os.mkfifo(bench.model)
    content = packed(MODEL)
    with started(bench) as process:
        bench.model.write_bytes(content)
        assert process.wait(timeout=300) == 0
    manifest = json.loads(bench.output.with_name("manifest.json").read_text())
    assert manifest["source_size_bytes"] == len(content)
    assert manifest["source_sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_a_refused_model_is_cleaned_up_leaves_nothing(
    bench: Workbench, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(ThreadPoolExecutor):
        def shutdown(self, *arguments: Any, **options: Any) -> None:
            super().shutdown(*arguments, **options)
            signal.raise_signal(number)

    monkeypatch.setattr(new_file, "ThreadPoolExecutor", Stopped)
    outcome = bench.run(packed(tar(member("a", NOISE), member("../b"))))
    assert (outcome.exit_code, outcome.left) == (1, [])
    assert "'../b'" in outcome.error


def test_a_full_disk_leaves_nothing(bench: Workbench) -> None:
    bench.model.write_bytes(packed(tar(member("a", NOISE))))

    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))

    with started(bench, limit_files) as process:
        _, error = process.communicate(timeout=300)
    assert process.returncode == 1
    assert error == f"error: cannot write {bench.output}: File too large\n"
    assert list(bench.output.parent.iterdir()) == []


def test_too_little_disk_is_noticed_first(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))
    outcome = bench.run(packed(MODEL))
    assert (outcome.exit_code, outcome.left) == (1, [])
    assert "the disk has 0 bytes left" in outcome.error


def test_an_earlier_output_does_not_survive_a_failure(bench: Workbench) -> None:
    assert bench.run(packed(MODEL)).left == ["manifest.json", "model.tar.gz"]
    assert bench.run(NOISY[:-1]).left == []


# --- Command line -------------------------------------------------------------------------------


def test_a_folder_with_one_archive_is_taken_as_the_model(bench: Workbench, tmp_path: Path) -> None:
    only = tmp_path / "in"
    only.mkdir()
    (only / "notes.txt").touch()
    (only / "model.tar.gz").write_bytes(packed(MODEL))
    bench.model = only
    assert bench.run().exit_code == 0
    (only / "second.tar.gz").touch()
    several = bench.run()
    assert several.exit_code == 1
    assert "exactly one archive" in several.error
    assert "'model.tar.gz, notes.txt, second.tar.gz'" in several.error


@pytest.mark.parametrize(
    ("option", "path", "reason"),
    [
        ("--model", "absent.tar.gz", "no such file or folder"),
        ("--code", "absent", "no such file or folder"),
        ("--output", "model.tar.gz", "it is also another file of this job"),
        ("--output", "code/model.tar.gz", "it is inside of an input"),
        ("--output", "code", "it is a folder"),
        ("--manifest", "output/model.tar.gz", "it is also another file of this job"),
    ],
)
def test_wrong_paths_are_refused(
    bench: Workbench, tmp_path: Path, option: str, path: str, reason: str
) -> None:
    outcome = bench.run(packed(MODEL), option, str(tmp_path / path))
    assert outcome.exit_code == 1
    assert reason in outcome.error
    assert bench.model.read_bytes() == packed(MODEL)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--model"],
        ["--model", "m", "--code", "c", "--output", "o", "--max-ratio", "x"],
        ["--model", "m", "--code", "c", "--output", "."],
    ],
)
def test_wrong_usage_exits_with_2_and_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    error = capsys.readouterr().err
    assert raised.value.code == 2
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("minor", PYTHONS)
def test_the_archive_packages_alike_in_the_python_of_every_container(
    bench: Workbench, minor: int
) -> None:
    expected = bench.run(packed(tar(member("a", NOISE), member("code/old.py")))).manifest
    bench.output.unlink()

    command = [interpreter(f"3.{minor}"), "-I", str(bench.script), *bench.arguments()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "method: copying compressed blocks" in done.stdout
    assert json.loads(bench.output.with_name("manifest.json").read_text()) == expected
