"""Pickles made by hand, and files around them. Nothing here is ever loaded."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

from constructs_lib.jobs.package_model.pickles.contents import ContentScanner
from constructs_lib.jobs.package_model.pickles.findings import PickleReport
from constructs_lib.jobs.package_model.pickles.regions import Region

DATA = Path(__file__).parent / "data"

STOP = pickle.STOP
PROTO = [pickle.PROTO + bytes([version]) for version in range(6)]


def text(value: str) -> bytes:
    """A text, as protocol 4 writes it."""
    data = value.encode()
    return pickle.SHORT_BINUNICODE + bytes([len(data)]) + data


def imported(module: str, name: str) -> bytes:
    """GLOBAL."""
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def from_stack(module: str, name: str) -> bytes:
    """STACK_GLOBAL."""
    return text(module) + text(name) + pickle.STACK_GLOBAL


def called(function: bytes, *arguments: bytes) -> bytes:
    """A call by REDUCE."""
    return function + pickle.MARK + b"".join(arguments) + pickle.TUPLE + pickle.REDUCE


SHELL = called(imported("os", "system"), text("true"))
"""What a reader would run: the command that does nothing."""
EVIL = PROTO[2] + SHELL + STOP
BENIGN = PROTO[2] + called(imported("collections", "OrderedDict")) + STOP


def scan(data: bytes, name: str = "model.pt", *, own_names: tuple[str, ...] = ()) -> PickleReport:
    """What is found in a file."""
    report = PickleReport()
    scanner = ContentScanner(report, own_names=own_names)
    scanner.scan(Region(io.BytesIO(data), 0, len(data)), name)
    return report


def found(data: bytes, name: str = "model.pt") -> set[tuple[str, str]]:
    """Codes and names of what is found in a file."""
    return {(finding.code, finding.name) for finding in scan(data, name).findings}


def codes(data: bytes, name: str = "model.pt") -> set[str]:
    """Codes of what is found in a file."""
    return {code for code, _ in found(data, name)}


def zipped(
    members: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED, prefix: bytes = b""
) -> bytes:
    """A zip file; the offsets in it count a prefix."""
    buffer = io.BytesIO()
    buffer.write(prefix)
    with zipfile.ZipFile(buffer, "a" if prefix else "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return buffer.getvalue()


def torch_zip(data_pkl: bytes) -> bytes:
    """A file as torch.save lays it out."""
    return zipped(
        {"archive/data.pkl": data_pkl, "archive/data/0": bytes(range(64)), "archive/version": b"3"}
    )


def tarred(members: dict[str, bytes]) -> bytes:
    """A plain tar file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def legacy_torch(contents: bytes, storages: bytes = bytes(64)) -> bytes:
    """A file as torch.save wrote it before torch 1.6."""
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    head += pickle.dumps({"little_endian": True}, 2)
    return head + contents + pickle.dumps(["0"], 2) + storages


def oldest_torch(storage_pickle: bytes) -> bytes:
    """A file as torch wrote it before 0.1.10: a tar file, with data between the pickles."""
    storage = storage_pickle + struct.pack("<q", 4) + struct.pack("<4f", *range(4))
    tensor_type = imported("torch", "FloatTensor")
    record = PROTO[2] + b"K\1K\0" + tensor_type + pickle.TUPLE3 + STOP
    tensor = record + struct.pack("<ii", 1, 0) + struct.pack("<3q", 4, 1, 0)
    return tarred(
        {
            "sys_info": pickle.dumps({"long_size": 8}, 2),
            "pickle": BENIGN,
            "storages": pickle.dumps(2, 2) + storage + storage,
            "tensors": pickle.dumps(2, 2) + tensor + tensor,
        }
    )


def storage_record() -> bytes:
    """The pickle before a storage in such a file."""
    return (
        PROTO[2] + b"K\0" + text("cpu") + imported("torch", "FloatStorage") + pickle.TUPLE3 + STOP
    )


def array_file(header: str, data: bytes) -> bytes:
    """A numpy file."""
    padded = header.encode().ljust(118 - 1) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(padded)) + padded + data


def old_joblib(data: bytes) -> bytes:
    """A compressed file of joblib before 0.10."""
    return b"ZF" + hex(len(data)).encode().ljust(19) + zlib.compress(data)
