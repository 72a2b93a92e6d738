"""What is kept of zip files on their way: everything that is read, and hardly any weights."""

from __future__ import annotations

import functools
import io
import random
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.jobs.package_model.pickles.contents import ContentScanner
from constructs_lib.jobs.package_model.pickles.findings import PickleReport
from constructs_lib.jobs.package_model.pickles.intake import FileIntake, ZipSpool
from constructs_lib.jobs.package_model.pickles.regions import HoleError
from tests.pickles.samples import BENIGN, EVIL, scan, zipped

WEIGHTS = random.Random(1).randbytes(300_000)


def described(members: dict[str, bytes], *, long: bool = False) -> bytes:
    """A zip file as torch writes it: sizes and CRCs stand behind the members."""
    buffer = Unseekable()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=long) as member:
                member.write(data)
    return buffer.getvalue()


class Unseekable(io.BytesIO):
    """A file that is only written to its end, for which zipfile writes descriptors."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError


def spooled(data: bytes, piece: int) -> tuple[io.BytesIO, ZipSpool]:
    file = io.BytesIO()
    spool = ZipSpool(file)
    for at in range(0, len(data), piece):
        spool.write(data[at : at + piece])
    spool.finish()
    return file, spool


@functools.lru_cache(8)
def found_on_the_way(data: bytes, piece: int) -> list[tuple[str, str, tuple[str, ...]]]:
    report = PickleReport()
    file = FileIntake(ContentScanner(report), "model.pt", len(data))
    for at in range(0, len(data), piece):
        file.feed(data[at : at + piece])
    file.finish()
    return [(each.code, each.name, each.place.path) for each in report.findings]


@functools.lru_cache(8)
def found_at_once(data: bytes) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(each.code, each.name, each.place.path) for each in scan(data).findings]


MEMBERS = {
    "m/data.pkl": BENIGN,
    "m/data/0": WEIGHTS,
    "m/data/1": WEIGHTS[:1000],
    "m/evil": EVIL,
    "m/data/2": WEIGHTS[::-1],
    "m/inner": zipped({"x": EVIL, "w": WEIGHTS[:100_000]}),
    "m/long.pkl": BENIGN + b"\x80\2" + b"N0" * 50_000 + EVIL[2:],
    "m/end": WEIGHTS,
}
ZIPS = {
    "sizes before": zipped(MEMBERS),
    "sizes behind": described(MEMBERS),
    "long sizes behind": described(MEMBERS, long=True),
    "deflated": zipped(MEMBERS, compression=zipfile.ZIP_DEFLATED),
}


@pytest.mark.parametrize("data", ZIPS.values(), ids=ZIPS.keys())
@pytest.mark.parametrize("piece", [1, 7, 4096, 65_536, 1 << 20])
def test_the_same_is_found_as_in_the_whole_file(data: bytes, piece: int) -> None:
    data = data if piece > 7 else data[:0] + zipped({"a": EVIL, "w": WEIGHTS[:99_000], "b": EVIL})

    assert found_on_the_way(data, piece) == found_at_once(data)
    assert ("pickle-global-dangerous", "os.system") in {each[:2] for each in found_at_once(data)}


@pytest.mark.parametrize("name", ["sizes before", "sizes behind", "long sizes behind"])
def test_weights_are_left_out(name: str) -> None:
    data = ZIPS[name]
    file, spool = spooled(data, 30_000)
    kept = file.getvalue()

    spool.seek(data.index(WEIGHTS) + 100_000)
    with pytest.raises(HoleError):
        spool.read(10)
    same = sum(a == b for a, b in zip(kept, data, strict=True))
    assert same < 0.65 * len(data)


def test_no_hole_is_read_as_if_it_held_zeros() -> None:
    data = ZIPS["sizes behind"]
    _, spool = spooled(data, 30_000)

    for at in range(0, len(data), 997):
        spool.seek(at)
        try:
            piece = spool.read(50)
        except HoleError:
            continue
        assert piece == data[at : at + 50]


def hidden_behind_weights(size: bytes) -> bytes:
    """A zip file that says one size before a member and another in the directory."""
    data = bytearray(zipped({"a.pkl": BENIGN + WEIGHTS, "b": b""}))
    data[18:22] = data[22:26] = size
    return bytes(data)


def test_a_member_that_is_longer_than_its_header_says_is_a_finding() -> None:
    codes = {code for code, _, _ in found_on_the_way(hidden_behind_weights(b"\1\0\0\0"), 9000)}

    assert codes & {"zip-hidden-bytes", "zip-headers-differ"}


def test_a_member_that_only_the_directory_knows_is_a_finding() -> None:
    inner = zipped({"evil": EVIL})
    member = inner[: inner.index(b"PK\1\2")]
    weights = WEIGHTS[:150_000] + member + WEIGHTS[150_000:]
    data = bytearray(zipped({"weights": weights, "evil": EVIL, "end": WEIGHTS}))
    entry = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    data[entry + 42 : entry + 46] = struct.pack("<I", data.index(member))

    assert "zip-hidden-bytes" in {code for code, _, _ in found_on_the_way(bytes(data), 9000)}


CONTENTS = {
    "evil": EVIL,
    "benign": BENIGN,
    "empty": b"",
    "small weights": WEIGHTS[:5000],
    "weights": WEIGHTS[:90_000],
    "weights that end like a zip": WEIGHTS[:130_000] + b"PK\3\4",
    "headers": b"PK\3\4" * 50,
    "directories": WEIGHTS[:80_000] + b"PK\1\2" * 50 + WEIGHTS[:80_000],
    "a directory": zipped({"x": b""})[30:] + WEIGHTS,
    "weights with a header": WEIGHTS[:9000] + b"PK\3\4" + WEIGHTS,
    "zip": zipped({"x": EVIL, "y": WEIGHTS}),
}
NAMES = st.lists(st.sampled_from(sorted(CONTENTS)))
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 3), st.binary(max_size=3)), min_size=1, max_size=3
)
PIECES = st.integers(1000, 200_000)


def made(names: list[str], *, is_described: bool) -> bytes:
    """A zip file of these contents."""
    members = {f"m/{number}": CONTENTS[name] for number, name in enumerate(names)}
    return described(members) if is_described else zipped(members)


@settings(max_examples=100, deadline=None)
@given(NAMES, st.booleans(), PIECES)
def test_the_same_is_found_in_every_zip(names: list[str], is_described: bool, piece: int) -> None:
    data = made(names, is_described=is_described)

    on_the_way, at_once = found_on_the_way(data, piece), found_at_once(data)
    assert on_the_way == at_once, (on_the_way, at_once)


@settings(max_examples=200, deadline=None)
@given(NAMES, st.booleans(), CHANGES, PIECES)
def test_no_finding_is_lost_on_the_way(
    names: list[str], is_described: bool, changes: list[tuple[float, int, bytes]], piece: int
) -> None:
    data = bytearray(made(names, is_described=is_described))
    for where, length, new in changes:
        at = int(where * len(data))
        data[at : at + length] = new
    on_the_way = found_on_the_way(bytes(data), piece)

    hole = any(code == "zip-hidden-bytes" for code, _, _ in on_the_way)
    assert hole or set(found_at_once(bytes(data))) <= set(on_the_way)
