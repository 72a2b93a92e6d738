"""Runs inputs through the packaging job and its outputs through the readers, and counts."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks.fuzz.grammar import make_archive
from benchmarks.fuzz.mutations import mutate_blocks, pack
from benchmarks.fuzz.packager import Packager, Refused, Verdict
from benchmarks.fuzz.readers import Readers
from benchmarks.fuzz.verdicts import differences

_WHOLE_JOB_SHARE = 0.02
_KNOWN_OUTPUTS = 100_000


@dataclass
class Found:
    """An input after which readers differ."""

    archive: bytes
    """The input, as a file."""
    differences: list[str]


@dataclass
class Counts:
    """What came of a campaign."""

    inputs: int = 0
    accepted: int = 0
    compared: int = 0
    """Different outputs that the readers read; an output that was read before is not read again."""
    found: list[Found] = field(default_factory=list)

    def add(self, other: Counts) -> None:
        """Add what came of another part of the campaign."""
        self.inputs += other.inputs
        self.accepted += other.accepted
        self.compared += other.compared
        self.found += other.found


def make_input(seed: int, number: int) -> bytes:
    """One of the inputs of a seed, uncompressed."""
    random = _random(seed, number, "archive")
    archive = make_archive(random)
    return mutate_blocks(random, archive) if random.random() < 0.7 else archive


def _random(seed: int, number: int, purpose: str) -> Random:
    return Random(f"{seed}-{number}-{purpose}")  # noqa: S311 not for secrets


class Campaign:
    """Tries one input after the other."""

    def __init__(self, packager: Packager, readers: Readers) -> None:
        """Start with nothing counted."""
        self._packager = packager
        self._readers = readers
        self._known: set[bytes] = set()
        self.counts = Counts()

    def run(self, seed: int, numbers: Iterable[int]) -> None:
        """Try inputs of a seed."""
        for number in numbers:
            archive = make_input(seed, number)
            random = _random(seed, number, "file")
            if random.random() < _WHOLE_JOB_SHARE:
                self.try_file(pack(random, archive), recompress=random.random() < 0.2)
            else:
                self.try_archive(archive)

    def try_archive(self, archive: bytes) -> None:
        """Package by the rules alone, and let the readers read what is accepted."""
        self._judge(archive, self._packager.by_rules(archive))

    def try_file(self, packed: bytes, *, recompress: bool = False) -> None:
        """Package with the whole job, which has to come to the same as the rules alone."""
        verdict = self._packager.by_job(packed, recompress=recompress)
        found = self._unlike_rules(packed, verdict)
        if found:
            self.counts.found.append(Found(packed, found))
        self._judge(packed, verdict)

    def _unlike_rules(self, packed: bytes, verdict: Verdict) -> list[str]:
        if isinstance(verdict, Refused):
            return []
        try:
            archive = gzip.decompress(packed) if packed.startswith(b"\x1f\x8b") else packed
        except (OSError, EOFError, zlib.error) as error:
            return [f"accepted, but Python's gzip says: {error}"]
        if self._packager.by_rules(archive) != verdict:
            return ["the job writes another archive than its rules alone"]
        return []

    def _judge(self, given: bytes, verdict: Verdict) -> None:
        self.counts.inputs += 1
        if isinstance(verdict, Refused):
            return
        self.counts.accepted += 1
        digest = hashlib.sha256(verdict).digest()
        if digest in self._known:
            return
        if len(self._known) < _KNOWN_OUTPUTS:
            self._known.add(digest)
        self.counts.compared += 1
        found = differences(verdict, self._readers.read(verdict))
        if found:
            self.counts.found.append(Found(given, found))


def keep(found: Found, folder: Path) -> Path:
    """Keep a failing input, for the test suite to try it again forever."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = found.archive
    path = folder / f"{hashlib.sha256(packed).hexdigest()[:16]}.tar.gz"
    path.write_bytes(packed if packed.startswith(b"\x1f\x8b") else gzip.compress(packed, mtime=0))
    return path
