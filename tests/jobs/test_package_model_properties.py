"""The packaging job on archives that hypothesis makes up, in every way gzip can hold them."""

from __future__ import annotations

import contextlib
import gzip
import io
import sys
import tarfile
import tempfile
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple
from unittest import mock

from hypothesis import example, given, settings
from hypothesis import strategies as st
from isal import igzip

from constructs_lib.jobs.common.code_members import CodeMember, code_tar
from constructs_lib.jobs.package_model import buffers
from constructs_lib.jobs.package_model.command_line import main
from constructs_lib.jobs.package_model.inflating import Blocks
from constructs_lib.jobs.package_model.reading import Span
from constructs_lib.jobs.package_model.writing import GzipSink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs_lib.jobs.package_model.new_file import Output

END = bytes(1024)
CODE = b"new = True\n"
Format = Literal[0, 1, 2]
USTAR: Format = tarfile.USTAR_FORMAT
GNU: Format = tarfile.GNU_FORMAT
PAX: Format = tarfile.PAX_FORMAT


class Piece(NamedTuple):
    """A member as it stands in a tar archive."""

    content: bytes
    is_code: bool


def raw_member(
    name: str, content: bytes, tar_format: Format, kind: bytes = tarfile.REGTYPE
) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    if kind == tarfile.SYMTYPE:
        info.linkname = "target"
    header = info.tobuf(tar_format, "utf-8", "surrogateescape")
    return header + content + bytes(-len(content) % 512)


# Contents that deflate into blocks of every kind: stored, nearly stored, long matches, far matches.
CONTENTS = st.one_of(
    st.binary(max_size=3_000),
    st.builds(
        lambda seed, size: seed * (size // len(seed)),
        st.binary(min_size=1, max_size=50),
        st.integers(0, 80_000),
    ),
    st.builds(
        lambda noise, times: noise * times,
        st.binary(min_size=700, max_size=900),
        st.integers(1, 80),
    ),
    st.integers(0, 80_000).map(bytes),
)


@st.composite
def pieces(draw: st.DrawFn) -> list[Piece]:
    """Members with different names, some of them code, and a file at the root."""
    tails = draw(
        st.lists(
            st.text(
                st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=40
            ),
            min_size=1,
            max_size=8,
        )
    )
    made = []
    for number, tail in enumerate(tails):
        is_code = draw(st.booleans())
        prefix = draw(
            st.sampled_from(["code/", "./code/", "code//"] if is_code else ["", "./", "d/"])
        )
        kind = draw(st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE]))
        content = draw(CONTENTS) if kind == tarfile.REGTYPE else b""
        name = f"{prefix}{number}{tail}"
        if draw(st.booleans()):
            name += "n" * draw(st.integers(60, 200))
        tar_format = draw(st.sampled_from((GNU, PAX)))
        made.append(Piece(raw_member(name, content, tar_format, kind), is_code))
    made.insert(
        draw(st.integers(0, len(made))),
        Piece(raw_member("model.pth", draw(CONTENTS), USTAR), is_code=False),
    )
    return made


class Framing(NamedTuple):
    """How a tar archive is compressed."""

    level: int
    strategy: int
    mem_level: int
    flush: int
    flush_every: int
    gzip_members: int


FRAMINGS = st.builds(
    Framing,
    level=st.integers(0, 9),
    strategy=st.sampled_from(
        [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE]
    ),
    mem_level=st.integers(1, 9),
    flush=st.sampled_from(
        [zlib.Z_NO_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_BLOCK]
    ),
    flush_every=st.integers(1_000, 50_000),
    gzip_members=st.integers(1, 3),
)


def compressed(content: bytes, framing: Framing) -> bytes:
    """A gzip file of one or more members."""
    made = b""
    step = len(content) // framing.gzip_members + 1
    for start in range(0, len(content), step):
        part = content[start : start + step]
        compressor = zlib.compressobj(
            framing.level, zlib.DEFLATED, 31, framing.mem_level, framing.strategy
        )
        for at in range(0, len(part), framing.flush_every):
            made += compressor.compress(part[at : at + framing.flush_every])
            made += compressor.flush(framing.flush)
        made += compressor.flush()
    return made


class Sizes(NamedTuple):
    """The job's buffer sizes: small ones put seams everywhere."""

    segment: int
    limit: int
    read: int


SIZES = st.builds(
    lambda segment, extra, read: Sizes(segment, segment + extra, read),
    st.integers(100, 40_000),
    st.integers(1, 40_000),
    st.integers(512, 20_000),
)


def package(model: bytes, sizes: Sizes, *options: str) -> bytes | None:
    """The packaged archive, or None if the model was refused; then nothing may be left."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        root = Path(folder)
        (root / "code").mkdir()
        (root / "code" / "inference.py").write_bytes(CODE)
        (root / "model.tar.gz").write_bytes(model)
        output = root / "output" / "model.tar.gz"
        for name, value in zip(
            ("SEGMENT_BYTES", "SEGMENT_LIMIT_BYTES", "READ_BYTES"), sizes, strict=True
        ):
            stack.enter_context(mock.patch.object(buffers, name, value))
        stack.enter_context(mock.patch("os.fsync"))
        errors = stack.enter_context(mock.patch.object(sys, "stderr", io.StringIO()))
        paths = {"--model": root / "model.tar.gz", "--code": root / "code", "--output": output}
        arguments = [str(part) for option in paths.items() for part in option]
        exit_code = main([*arguments, *options])
        if exit_code == 0:
            return output.read_bytes()
        assert errors.getvalue().count("\n") == 1
        assert list(output.parent.iterdir()) == []
        return None


def packaged_tar(members: Sequence[Piece]) -> bytes:
    """What the packaged archive has to unpack to."""
    code = CodeMember("inference.py", len(CODE), executable=False, read=lambda: iter([CODE]))
    kept = [piece.content for piece in members if not piece.is_code]
    return b"".join([*code_tar([code]), *kept, END])


@settings(max_examples=100, deadline=None)
@given(pieces(), FRAMINGS, SIZES, st.booleans())
def test_everything_but_the_code_is_kept_byte_for_byte(
    members: list[Piece], framing: Framing, sizes: Sizes, recompress: bool
) -> None:
    model = b"".join(piece.content for piece in members) + END
    # Made-up contents may hold the signature of a zip file, which is refused with anything behind.
    options = ["--pickle-policy=off", *(["--recompress"] if recompress else [])]
    made = package(compressed(model, framing), sizes, *options)
    assert made is not None
    assert gzip.decompress(made) == packaged_tar(members)
    # One gzip member only: Python's streaming reader does not see the others.
    inflater = zlib.decompressobj(31)
    inflater.decompress(made)
    assert inflater.eof
    assert not inflater.unused_data
    with tarfile.open(fileobj=io.BytesIO(made), mode="r|gz") as archive:
        assert len(archive.getmembers()) == 2 + sum(not piece.is_code for piece in members)


@settings(max_examples=100, deadline=None)
@given(st.data(), pieces(), FRAMINGS, SIZES)
def test_no_damage_is_passed_on(
    data: st.DataObject, members: list[Piece], framing: Framing, sizes: Sizes
) -> None:
    model = compressed(b"".join(piece.content for piece in members) + END, framing)
    at = data.draw(st.integers(0, len(model) - 1))
    damage = data.draw(st.sampled_from(["flip", "truncate", "insert", "delete", "overwrite"]))
    changed = {
        "flip": model[:at]
        + bytes([model[at] ^ 1 << data.draw(st.integers(0, 7))])
        + model[at + 1 :],
        "truncate": model[:at],
        "insert": model[:at] + data.draw(st.binary(min_size=1, max_size=9)) + model[at:],
        "delete": model[:at] + model[at + 1 :],
        "overwrite": model[:at] + bytes(9) + model[at + 9 :],
    }[damage]
    made = package(changed, sizes)
    # Some bytes mean nothing: the time in the gzip header, padding bits, zeros behind the end.
    assert made is None or gzip.decompress(made) == packaged_tar(members)


def fixed_block(content: bytes, first_bit: int) -> Blocks:
    """A deflate block with the fixed code (RFC 1951, 3.2.6) that starts at a bit of a byte."""
    bits = "0" * first_bit + "010"
    for byte in content:
        bits += f"{0x30 + byte:08b}" if byte < 144 else f"{0x190 + byte - 144:09b}"
    bits += "0000000"
    padded = bits + "0" * (-len(bits) % 8)
    value = int(padded[::-1], 2)
    block = value.to_bytes(len(padded) // 8, "little")
    middle = len(block) // 2
    spans = (Span(b"?" + block, 1, 1 + middle), Span(block, middle, len(block)))
    return Blocks(spans, first_bit, end_bit=len(bits), reach=0)


def written_bytes(item: Output) -> bytes:
    """What the sink writes, put together."""
    whole = item.result() if isinstance(item, Future) else item
    return whole if isinstance(whole, bytes) else b"".join(span.view() for span in whole)


@given(st.lists(st.tuples(st.binary(max_size=3), st.integers(0, 7), st.booleans())))
@example([(b"\xff" * number, bit, False) for number in range(8) for bit in range(8)])
@example([(b"", bit, True) for bit in range(8)])
def test_blocks_are_copied_from_and_to_any_bit(copies: list[tuple[bytes, int, bool]]) -> None:
    written: list[bytes] = []
    with ThreadPoolExecutor(1) as executor:
        sink = GzipSink(lambda item: written.append(written_bytes(item)), executor)
        for content, first_bit, then_compress in copies:
            sink.copy(content, fixed_block(content, first_bit), is_last=False)
            sink.compress(content * then_compress)
        sink.finish()
    expected = b"".join(content * (1 + more) for content, _, more in copies)
    assert gzip.decompress(b"".join(written)) == expected
    with igzip.open(io.BytesIO(b"".join(written))) as file:
        assert file.read() == expected
