"""The scanner on what hypothesis makes up: it always ends, and says no more than it may."""

from __future__ import annotations

import gzip
import io
import struct
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.jobs.package_model.pickles.contents import ContentScanner
from constructs_lib.jobs.package_model.pickles.findings import KINDS, PickleReport
from constructs_lib.jobs.package_model.pickles.opcodes import OPCODES
from constructs_lib.jobs.package_model.pickles.regions import Region
from tests.pickles.samples import (
    BENIGN,
    DATA,
    EVIL,
    PROTO,
    SHELL,
    found,
    tarred,
    torch_zip,
    zipped,
)

OPCODES_USED = 200_000

REAL_FILES = [path.read_bytes() for path in sorted(DATA.iterdir())]
STARTS = [*REAL_FILES, EVIL, torch_zip(EVIL), tarred({"a": EVIL}), gzip.compress(EVIL)]

opcode_soup = st.lists(
    st.one_of(
        st.sampled_from(sorted(OPCODES)).map(lambda code: bytes([code])),
        st.binary(max_size=5),
        st.sampled_from([b"\n", b"os\n", b"system\n", SHELL, BENIGN, b"\x8c\2os", b"K\1", b"h\0"]),
    ),
    max_size=60,
).map(b"".join)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file with some bytes changed, left out or put in."""
    data = bytearray(draw(st.sampled_from(STARTS)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 4))
        data[at : at + length] = draw(st.binary(max_size=4))
    return bytes(data)


def checked(data: bytes) -> PickleReport:
    report = PickleReport()
    scanner = ContentScanner(report, opcodes=OPCODES_USED)
    scanner.scan(Region(io.BytesIO(data), 0, len(data)), "model.pt")
    for finding in report.findings:
        assert finding.code in KINDS
        assert finding.line().isprintable()
    return report


@settings(max_examples=300, deadline=None)
@given(opcode_soup, st.sampled_from([b"", *PROTO]))
def test_any_opcodes_are_followed_to_an_end(soup: bytes, start: bytes) -> None:
    checked(start + soup)


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_any_damage_is_survived(data: bytes) -> None:
    checked(data)


@settings(max_examples=100, deadline=None)
@given(opcode_soup)
def test_code_at_the_start_is_found_whatever_follows(soup: bytes) -> None:
    assert ("pickle-global-dangerous", "os.system") in found(PROTO[2] + SHELL + soup)
    assert ("pickle-global-dangerous", "os.system") in found(BENIGN + EVIL + soup)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(width=32), max_size=99))
def test_weights_pass_without_a_word(values: list[float]) -> None:
    weights = struct.pack(f"<{len(values)}f", *values)

    assert checked(zlib.compress(weights)).findings == []
    assert checked(zipped({"archive/data/0": weights, "archive/data.pkl": BENIGN})).findings == []
