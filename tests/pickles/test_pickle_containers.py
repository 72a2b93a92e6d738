"""Files around pickles: what loaders open is opened here, and what they see differently refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from constructs_lib.jobs.common.limits import Limits
from constructs_lib.jobs.package_model.pickles.contents import ContentScanner
from constructs_lib.jobs.package_model.pickles.findings import PickleReport
from constructs_lib.jobs.package_model.pickles.regions import Region
from tests.pickles.samples import (
    BENIGN,
    DATA,
    EVIL,
    PROTO,
    SHELL,
    STOP,
    array_file,
    called,
    codes,
    found,
    from_stack,
    imported,
    legacy_torch,
    old_joblib,
    oldest_torch,
    scan,
    storage_record,
    tarred,
    text,
    torch_zip,
    zipped,
)

Wrap = Callable[[bytes], bytes]

OS_SYSTEM = ("pickle-global-dangerous", "os.system")
ARRAY_OF_OBJECTS = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
ARRAY_OF_FLOATS = "{'descr': '<f4', 'fortran_order': False, 'shape': (16,), }"

CONTAINERS: dict[str, Wrap] = {
    "as it is": lambda data: data,
    "torch zip": torch_zip,
    "deflated zip": lambda data: zipped({"x": data}, compression=zipfile.ZIP_DEFLATED),
    "zip in a zip": lambda data: zipped({"inner": zipped({"x": data})}),
    "deflated zip in a deflated zip": lambda data: zipped(
        {"inner": zipped({"x": data}, compression=zipfile.ZIP_DEFLATED)},
        compression=zipfile.ZIP_DEFLATED,
    ),
    "torch.export": lambda data: zipped(
        {"m/archive_format": b"pt2", "m/data/sample_inputs/model.pt": torch_zip(data)}
    ),
    "legacy torch": legacy_torch,
    "tar": lambda data: tarred({"inner": data}),
    "tar in a gzip": lambda data: gzip.compress(tarred({"inner": data})),
    "gzip": gzip.compress,
    "two gzip members": lambda data: gzip.compress(b"") + gzip.compress(data),
    "zlib": zlib.compress,
    "weakest zlib": lambda data: zlib.compress(data, 0),
    "bzip2": bz2.compress,
    "many gzip members": lambda data: gzip.compress(b"") * 999 + gzip.compress(data),
    "two bzip2 streams": lambda data: bz2.compress(data[:9]) + bz2.compress(data[9:]),
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "old joblib": old_joblib,
    "damaged gzip": lambda data: gzip.compress(data)[:-8],
    "cut zlib": lambda data: zlib.compress(data + bytes(99), 0)[:-50],
    "npy": lambda data: array_file(ARRAY_OF_OBJECTS, data),
    "npy with objects in fields": lambda data: array_file(
        "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }", data
    ),
    "npy with an escaped type": lambda data: array_file(
        r"{'descr': '\x4f', 'fortran_order': False, 'shape': (1,), }", data
    ),
    "npz": lambda data: zipped({"a.npy": array_file(ARRAY_OF_OBJECTS, data)}),
    "gzip in a zip in a tar": lambda data: tarred({"a": zipped({"b": gzip.compress(data)})}),
}


@pytest.mark.parametrize("wrap", CONTAINERS.values(), ids=CONTAINERS.keys())
@pytest.mark.parametrize("name", ["model.pt", "labels.txt"])
def test_code_is_found_wherever_a_loader_reads_it(wrap: Wrap, name: str) -> None:
    assert OS_SYSTEM in found(wrap(EVIL), name)
    assert found(wrap(BENIGN), name) == set()


def test_protocol_0_is_found_inside_too() -> None:
    for wrap in CONTAINERS.values():
        assert OS_SYSTEM in found(wrap(b"cos\nsystem\n(S'true'\ntR."), "labels.txt")


def test_the_way_to_a_pickle_is_told() -> None:
    (finding,) = scan(zipped({"a/b.npz": zipped({"c.npy": EVIL})}), "model.pt").findings

    assert finding.place.path == ("model.pt", "a/b.npz", "c.npy")
    assert finding.line().startswith("pickle-global-dangerous: 'model.pt' > 'a/b.npz' > 'c.npy'")


def test_every_pickle_of_the_older_torch_formats_is_read() -> None:
    evil_record = PROTO[2] + SHELL + b"0" + storage_record()[2:]

    assert scan(oldest_torch(storage_record())).findings == []
    assert scan(oldest_torch(storage_record())).pickle_count == 8
    assert OS_SYSTEM in found(oldest_torch(evil_record))
    assert OS_SYSTEM in found(legacy_torch(BENIGN, EVIL))


def test_a_pickle_behind_the_data_of_the_oldest_format_is_found() -> None:
    data = struct.pack("<q", 4) + bytes(16)

    assert found(storage_record() + data + EVIL) == {OS_SYSTEM}
    assert found(storage_record() + EVIL) == {OS_SYSTEM}


@pytest.mark.parametrize("magic", [b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd"])
def test_what_cannot_be_unpacked_is_a_finding(magic: bytes) -> None:
    assert codes(magic + bytes(64)) == {"content-unreadable"}
    assert codes(zipped({"inner": magic + bytes(64)})) == {"content-unreadable"}


def test_an_unknown_method_of_zip_is_a_finding() -> None:
    data = zipped({"x": EVIL}, compression=zipfile.ZIP_BZIP2)

    assert codes(data) == {"content-unreadable"}


def test_files_inside_of_each_other_without_end_are_a_finding() -> None:
    data = EVIL
    for _ in range(12):
        data = gzip.compress(data)

    assert "content-too-deep" in codes(data)


def test_a_bomb_is_a_finding() -> None:
    report = PickleReport()
    bomb = gzip.compress(PROTO[2] + b"N0" * (1 << 20))
    scanner = ContentScanner(report, limits=Limits(unpacked_bytes=1 << 20))
    scanner.scan(Region(io.BytesIO(bomb), 0, len(bomb)), "model.pt")

    assert [finding.code for finding in report.findings] == ["content-too-large"]


# --- Zip files whose readers see different things ----------------------------------------------


def changed(data: bytes, start: int, new: bytes) -> bytes:
    return data[:start] + new + data[start + len(new) :]


HONEST = torch_zip(BENIGN)
LOCAL = HONEST.index(b"PK\3\4")
CENTRAL = HONEST.index(b"PK\1\2")
END = HONEST.index(b"PK\5\6")
NAME = b"archive/data.pkl"
COMPRESSED = zipped({"data.pkl": BENIGN}, compression=zipfile.ZIP_DEFLATED)

ODD = {
    "name differs": ("zip-headers-differ", changed(HONEST, LOCAL + 30, b"Archive")),
    "method differs": ("zip-headers-differ", changed(HONEST, LOCAL + 8, b"\x08")),
    "size differs": ("zip-headers-differ", changed(HONEST, LOCAL + 22, b"\xff")),
    "crc differs": ("zip-headers-differ", changed(HONEST, LOCAL + 14, b"\xff")),
    "one member twice": ("zip-headers-differ", zipped({"a": BENIGN, "b": BENIGN}).replace(
        b"PK\1\2", b"PK\1\2").replace(b"b", b"a")),
    "count is wrong": ("zip-headers-differ", changed(HONEST, END + 8, b"\7\0\7\0")),
    "split": ("zip-headers-differ", changed(HONEST, END + 4, b"\1")),
    "encrypted by its header": ("zip-encrypted", changed(HONEST, LOCAL + 6, b"\1")),
    "encrypted by the directory": ("zip-encrypted", changed(HONEST, CENTRAL + 8, b"\1")),
    "strongly encrypted": ("zip-encrypted", changed(HONEST, CENTRAL + 8, b"\x41")),
    "wrong crc": (
        "zip-crc-wrong",
        changed(changed(HONEST, LOCAL + 14, b"abcd"), CENTRAL + 16, b"abcd"),
    ),
    "wrong crc of what is compressed": (
        "zip-crc-wrong",
        changed(
            changed(COMPRESSED, COMPRESSED.index(b"PK\3\4") + 14, b"abcd"),
            COMPRESSED.index(b"PK\1\2") + 16,
            b"abcd",
        ),
    ),
    "prefix": ("zip-hidden-bytes", b"#!/bin/sh\n" + HONEST),
    "counted prefix": ("zip-hidden-bytes", zipped({"x": BENIGN}, prefix=b"MZ" * 40)),
    "pickle before": ("zip-hidden-bytes", BENIGN + HONEST),
    "bytes behind": ("zip-hidden-bytes", HONEST + b"more"),
    "bytes between": (
        "zip-hidden-bytes",
        changed(HONEST[:CENTRAL] + EVIL + HONEST[CENTRAL:], END + len(EVIL) + 16,
                struct.pack("<I", CENTRAL + len(EVIL))),
    ),
    "two ends": (
        "zip-hidden-bytes",
        changed(HONEST, END + 20, struct.pack("<H", len(HONEST[END:]))) + HONEST[END:],
    ),
    "overlap": (
        "zip-hidden-bytes",
        changed(HONEST, HONEST.index(b"PK\1\2", CENTRAL + 4) + 42, b"\0\0\0\0").replace(
            b"archive/data/0", b"archive/data.0"),
    ),
    "no directory": ("zip-damaged", HONEST[:CENTRAL]),
    "directory cut": ("zip-damaged", changed(HONEST, CENTRAL, b"XX")),
    "header elsewhere": ("zip-damaged", changed(HONEST, CENTRAL + 42, b"\5")),
}  # fmt: skip


@pytest.mark.parametrize(("code", "data"), ODD.values(), ids=ODD.keys())
def test_a_zip_that_readers_see_differently_is_a_finding(code: str, data: bytes) -> None:
    assert code in codes(data)
    assert scan(HONEST).findings == []


@pytest.mark.parametrize("flags", [b"\1\0", b"\0\0"])
def test_code_in_a_zip_is_found_though_it_is_odd(flags: bytes) -> None:
    evil = torch_zip(EVIL)
    data = changed(evil, evil.index(b"PK\3\4") + 6, flags)

    assert OS_SYSTEM in found(data)
    assert OS_SYSTEM in found(b"prefix" + data)
    assert OS_SYSTEM in found(changed(data, data.index(b"PK\3\4") + 14, b"abcd"))


def test_a_zip_behind_a_large_file_is_a_finding() -> None:
    assert codes(bytes(300_000) + HONEST, "weights") == {"zip-hidden-bytes"}


def test_a_pickle_that_is_a_tar_too_is_read_as_both() -> None:
    tar = bytearray(tarred({"x": EVIL}))
    tar[:30] = b"cos\nsystem\n(S'true'\ntR.".ljust(30, b"\0")
    tar[148:156] = b" " * 8
    tar[148:156] = b"%06o\0 " % sum(tar[:512])
    findings = scan(bytes(tar), "x").findings

    assert [finding.name for finding in findings] == ["os.system", "os.system"]
    assert [len(finding.place.path) for finding in findings] == [2, 1]


def test_a_damaged_tar_is_a_finding() -> None:
    assert "tar-damaged" in codes(tarred({"a": BENIGN, "b": BENIGN})[:1100])


# --- TorchScript --------------------------------------------------------------------------------


def test_torchscripts_own_classes_count_only_where_torch_reads_them_itself() -> None:
    own_class = PROTO[2] + imported("__torch__.shop", "Net") + STOP
    members = {"m/data.pkl": own_class, "m/constants.pkl": BENIGN}

    assert codes(zipped(members)) == set()
    assert codes(zipped({"m/data.pkl": own_class})) == {"pickle-global-unknown"}
    assert codes(own_class) == {"pickle-global-unknown"}
    assert OS_SYSTEM in found(zipped({**members, "m/data.pkl": EVIL}))


# --- Arrays in the middle of a joblib pickle ----------------------------------------------------


def wrapper(dtype: bytes, shape: bytes, *, alignment: bytes = b"") -> bytes:
    """What joblib writes before an array."""
    made = from_stack("joblib.numpy_pickle", "NumpyArrayWrapper") + b")" + pickle.NEWOBJ
    return (
        made + b"}(" + text("shape") + shape + text("dtype") + dtype + alignment + b"u"
        + pickle.BUILD
    )  # fmt: skip


def dtype(code: str, *, size: bytes = b"J\xff\xff\xff\xff", flags: bytes = b"K\0") -> bytes:
    """A dtype as numpy pickles it."""
    made = called(from_stack("numpy", "dtype"), text(code), b"\x89", b"\x88")
    return made + b"(K\3" + text("<") + b"NNN" + size + size + flags + b"t" + pickle.BUILD


FLOATS = struct.pack("<4f", 1, 2, 3, 4)
FOUR = b"K\4\x85"


def test_a_pickle_goes_on_behind_its_arrays() -> None:
    array = wrapper(dtype("f4"), FOUR) + FLOATS

    assert found(PROTO[4] + array + STOP) == set()
    assert found(PROTO[4] + array + b"0" + SHELL + STOP) == {OS_SYSTEM}


def test_an_array_of_objects_is_a_pickle_of_its_own() -> None:
    objects = wrapper(dtype("O8", flags=b"K\x3f"), FOUR)

    assert found(PROTO[4] + objects + BENIGN + STOP) == set()
    assert OS_SYSTEM in found(PROTO[4] + objects + EVIL + STOP)


def test_the_bytes_of_an_array_are_opcodes_for_other_readers() -> None:
    hidden = b"0" + SHELL + STOP
    shape = b"K" + bytes([len(hidden)]) + b"\x85"

    assert OS_SYSTEM in found(PROTO[4] + wrapper(dtype("u1"), shape) + hidden + STOP)


UNCLEAR = {
    "a size of its own": wrapper(dtype("f4", size=b"K\1"), FOUR),
    "flags of objects": wrapper(dtype("f4", flags=b"K\1"), FOUR),
    "objects without the flag": wrapper(dtype("O8"), FOUR),
    "another size than its code": wrapper(dtype("V8", size=b"K\1"), FOUR),
    "an unknown code": wrapper(dtype("q"), FOUR),
    "a shape of what a call returned": wrapper(
        dtype("f4"), called(imported("collections", "deque"))
    ),
    "a negative length": wrapper(dtype("f4"), b"J\xff\xff\xff\xff\x85"),
    "more items than numpy counts": wrapper(
        dtype("f4"), b"\x8a\x08" + struct.pack("<q", 2**62) + b"K\4\x86"
    ),
    "no dtype": wrapper(b"N", FOUR),
    "inside of a frame": pickle.FRAME + struct.pack("<Q", 999) + wrapper(dtype("f4"), FOUR),
}


@pytest.mark.parametrize("data", UNCLEAR.values(), ids=UNCLEAR.keys())
def test_an_array_of_which_nobody_knows_the_length_is_a_finding(data: bytes) -> None:
    (finding, *_) = scan(PROTO[4] + data + FLOATS + SHELL + STOP).findings

    assert finding.code == "pickle-array-unclear"
    assert finding.is_refused("warn")


@pytest.mark.parametrize("path", sorted(DATA.iterdir()), ids=lambda path: path.name)
def test_benign_files_pass_without_a_word(path: Path) -> None:
    assert scan(path.read_bytes(), path.name).findings == []
    assert scan(path.read_bytes(), "weights").findings == []
