"""Archives of every kind through the packaging job: what is accepted, every reader reads alike.

A sample of what ``make fuzz`` does, and all that ever made a difference.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.fuzz.blocks import GNU, Fields, member, octal, padded, record
from benchmarks.fuzz.campaign import Campaign, make_input
from benchmarks.fuzz.grammar import END, EVIL
from benchmarks.fuzz.packager import CODE, Packager, Refused
from benchmarks.fuzz.readers import Readers, started_readers
from benchmarks.fuzz.verdicts import differences

if TYPE_CHECKING:
    from collections.abc import Iterator

HONEST = Path(__file__).parent / "honest_archives"
DIGESTS: dict[str, str] = json.loads((HONEST / "digests.json").read_text())
CORPUS = sorted((Path(__file__).parent / "fuzz_corpus").iterdir())
SEED = 1
SAMPLE = range(600)


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with started_readers() as started:
        yield started


@pytest.fixture
def campaign(tmp_path: Path, readers: Readers) -> Campaign:
    return Campaign(Packager(tmp_path), readers)


def test_readers_agree_on_a_sample(campaign: Campaign) -> None:
    campaign.run(SEED, SAMPLE)
    counts = campaign.counts
    assert [found.differences for found in counts.found] == []
    assert counts.inputs == len(SAMPLE)
    assert counts.accepted > len(SAMPLE) / 10


@pytest.mark.parametrize("path", CORPUS, ids=[path.name for path in CORPUS])
def test_what_once_made_a_difference_makes_none(campaign: Campaign, path: Path) -> None:
    campaign.try_file(path.read_bytes())
    assert [found.differences for found in campaign.counts.found] == []


def test_a_seed_gives_the_same_inputs() -> None:
    assert make_input(7, 3) == make_input(7, 3) != make_input(7, 4)


CODE_MEMBERS = member(Fields(name=b"code/", type=b"5", magic=GNU)) + member(
    Fields(name=b"code/inference.py", magic=GNU), CODE
)
OTHER_CODE = member(Fields(name=b"code/inference.py"), EVIL)
SET_ID = Fields(name=b"tool", mode=b"0004755\0").block()
LINK = Fields(name=b"link", type=b"2", link=b"../outside").block()
HIDDEN_NAME = record(b"mtime", b"1")
HIDING = Fields(name=b"x", type=b"x", size=octal(len(HIDDEN_NAME))).block() + padded(
    HIDDEN_NAME, record(b"path", b"code/inference.py")
)


@pytest.mark.parametrize(
    ("members", "difference"),
    [
        (OTHER_CODE, "tarfile: code: 'code/inference.py'"),
        (member(Fields(name=b"code/more.py")), "tarfile: code: 'code/more.py'"),
        (SET_ID, "tarfile: 'tool' has a set-id bit"),
        (LINK, "tarfile: 'link' links to '../outside'"),
        (HIDING + member(Fields(name=b"x"), EVIL), "not canonical: padding"),
    ],
    ids=["other-code", "more-code", "set-id", "link", "hidden-name"],
)
def test_differences_are_found(readers: Readers, members: bytes, difference: str) -> None:
    archive = CODE_MEMBERS + member(Fields(name=b"model.pth"), b"w") + members + END
    found = differences(archive, readers.read(archive))
    assert any(line.startswith(difference) for line in found)


def test_a_reader_that_sees_something_else_is_named(readers: Readers) -> None:
    archive = CODE_MEMBERS + member(Fields(name=b"model.pth"), b"w") + END
    answers = {**readers.read(archive)}
    assert differences(archive, answers) == []
    (other, *_) = readers.read(
        CODE_MEMBERS + member(Fields(name=b"model.pth"), b"v") + END
    ).values()
    assert differences(archive, {**answers, "another": other})[0].startswith("another: 'model.pth'")


# --- Honest archives ------------------------------------------------------------------------------


def test_every_honest_archive_has_a_digest() -> None:
    assert sorted(DIGESTS) == sorted(path.name for path in HONEST.glob("*.tar.gz"))


@pytest.mark.parametrize("name", DIGESTS)
def test_honest_archives_are_packaged_byte_for_byte(
    tmp_path: Path, readers: Readers, name: str
) -> None:
    """The digests are those of the members as they are, behind the code."""
    packed = (HONEST / name).read_bytes()
    verdict = Packager(tmp_path).by_job(packed)
    assert not isinstance(verdict, Refused), verdict
    assert hashlib.sha256(verdict).hexdigest() == DIGESTS[name]
    assert differences(verdict, readers.read(verdict)) == []
    assert gzip.decompress(packed)[-1024:] == END
