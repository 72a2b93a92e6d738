"""How the packaging job reads a model: ahead of time, in pieces of any size."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from constructs_lib.jobs.package_model import buffers, reading
from constructs_lib.jobs.package_model.command_line import main
from constructs_lib.jobs.package_model.reading import HashedChunks, ahead, read_chunks
from tests.jobs.test_package_model import MIB, gzip_member, member, tar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_RANDOM = random.Random(3)


class _BrokenError(Exception):
    pass


def test_items_arrive_in_order_and_an_error_in_place_of_the_item_it_prevented() -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise _BrokenError

    taken = []
    with ahead(items(), 2) as made:
        for _ in range(5):
            taken.append(next(made))
        with pytest.raises(_BrokenError):
            next(made)
    assert taken == [0, 1, 2, 3, 4]


def test_the_end_of_the_items_is_theirs() -> None:
    with ahead(iter(range(5)), 7) as made:
        assert list(made) == [0, 1, 2, 3, 4]
        assert list(made) == []


def test_no_more_items_are_made_ahead_than_asked_for() -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for number in range(30):
            begun.append(number)
            yield number

    with ahead(items(), 3) as made:
        for number in range(20):
            assert next(made) == number
            assert len(begun) <= number + 1 + 3


def test_who_needs_no_more_items_does_not_wait_for_all() -> None:
    with ahead(itertools.count(), 4) as made:
        assert next(made) == 0


def test_an_error_of_who_takes_the_items_goes_on() -> None:
    with contextlib.suppress(_BrokenError), ahead(itertools.count(), 4):
        raise _BrokenError


class _StoppedAtTheBegin(ThreadPoolExecutor):
    def submit(self, *call: Any) -> NoReturn:  # type: ignore[override]
        super().submit(*call)
        raise _BrokenError


class _StoppedAtTheEnd(Event):
    def set(self) -> NoReturn:
        raise _BrokenError


@pytest.mark.parametrize(
    ("where", "stopped"),
    [
        ("ThreadPoolExecutor", _StoppedAtTheBegin),
        ("threading", SimpleNamespace(Event=_StoppedAtTheEnd)),
    ],
)
def test_a_signal_at_the_begin_or_the_end_leaves_no_thread_waiting(
    where: str, stopped: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> None:
        with contextlib.suppress(_BrokenError), ahead(itertools.count(), 4):
            pass

    monkeypatch.setattr(reading, where, stopped)
    reader = Thread(target=read, daemon=True)
    reader.start()
    reader.join(20)
    assert not reader.is_alive()


@pytest.mark.parametrize("size", [1, MIB - 1, MIB, 3 * MIB + 5])
def test_what_is_read_is_hashed_to_its_end(size: int) -> None:
    content = _RANDOM.randbytes(size)
    chunks = HashedChunks(read_chunks(io.BytesIO(content)))

    assert b"".join(chunks) == content
    assert chunks.sha256() == hashlib.sha256(content).hexdigest()
    assert chunks.size_bytes == size


def stored(content: bytes, size: int) -> bytes:
    """Stored deflate blocks of so many bytes, which make it larger by five for each."""
    blocks = []
    for at in range(0, len(content), size):
        piece = content[at : at + size]
        count = len(piece).to_bytes(2, "little")
        is_last = at + size >= len(content)
        blocks += [bytes([is_last]), count, bytes(255 - byte for byte in count), piece]
    return b"".join(blocks)


@pytest.mark.parametrize("block_bytes", [20, 1_000, 65_535])
def test_the_output_is_the_same_however_much_is_read_at_a_time(
    block_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = [member(f"{number}.bin", _RANDOM.randbytes(2 * MIB)) for number in range(3)]
    old = member("code/old.py", b"old = True\n" * 5)
    content = tar(noise[0], old, noise[1], member("code/older.py", b"old = 1\n"), noise[2])
    model = gzip_member(content, stored(content, block_bytes))
    (tmp_path / "model.tar.gz").write_bytes(model)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text("new = True\n")
    output = tmp_path / "output" / "model.tar.gz"

    outputs = set()
    for size in (MIB // 4, MIB, 4 * MIB):
        monkeypatch.setattr(buffers, "READ_BYTES", size)
        paths = {"model": tmp_path / "model.tar.gz", "code": tmp_path / "code", "output": output}
        assert (
            main([text for name, path in paths.items() for text in (f"--{name}", str(path))]) == 0
        )
        outputs.add(output.read_bytes())

    assert len(outputs) == 1
