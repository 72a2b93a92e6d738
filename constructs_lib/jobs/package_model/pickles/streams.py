"""Pickles in a file: one or more in a row, from a given byte on.

Pickles of protocol 2 and later begin with their version. Older ones have no mark at all, so every
file is tried: what a reader would carry out of it counts, whatever the file is called.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, NamedTuple

from .findings import PickleFinding, PickleReport, Place
from .globals import ALLOWED, DANGEROUS, NameRules, is_dangerous
from .joblib_arrays import OBJECTS, UnclearArrayError, following_array
from .layouts import raw_bytes_after
from .machine import FRAME_CROSSED, Fuel, Machine
from .opcodes import MAX_PROTOCOL, PROTO
from .regions import BrokenPickleError, ByteReader, Region
from .stack import TooLargeToFollowError
from .values import OPAQUE, Global

if TYPE_CHECKING:
    from .values import Blob, Made

CERTAIN_OPCODES = 8
"""So many are no chance, in a file that begins like a pickle."""
PLAUSIBLE = re.compile(r"[^\W\d][\w.<>-]*")
MAX_NAME_CHARACTERS = 200
PICKLE_OPCODES = 10
"""What starting another pickle costs, in opcodes."""


class Walk(NamedTuple):
    """How far a pickle was followed."""

    machine: Machine
    reason: str = ""
    """Why not to its end."""
    too_large: bool = False

    @property
    def stopped(self) -> bool:
        """Whether it came to its end."""
        return not self.reason

    @property
    def end(self) -> int:
        """Where the next byte stands."""
        return self.machine.reader.position

    @property
    def tells(self) -> bool:
        """Whether a reader would have imported anything, or tried to."""
        return bool(self.machine.imports or self.machine.tricks)


def is_marked(start: bytes) -> bool:
    """Whether a pickle begins here that says its protocol."""
    return len(start) > 1 and start[0] == PROTO and start[1] <= MAX_PROTOCOL


def follow(machine: Machine) -> Walk:
    """Follow a pickle as far as it goes."""
    try:
        machine.run()
    except BrokenPickleError as error:
        return Walk(machine, str(error))
    except TooLargeToFollowError as error:
        return Walk(machine, str(error), too_large=True)
    return Walk(machine)


def begins_as_pickle(head: bytes, size: int) -> bool:
    """Whether a file that begins with an opcode may be a pickle: see ``may_be_pickle``."""
    if is_marked(head):
        return True
    reader = ByteReader(Region(io.BytesIO(head), 0, size))
    walk = follow(Machine(reader, Fuel(len(head) + 1), lenient=False))
    return walk.stopped or walk.tells or reader.ran_out


class ArrayFollower:
    """Goes on behind the arrays that joblib writes into a pickle, as joblib's reader does."""

    def __init__(self) -> None:
        """Start without arrays."""
        self.object_walks: list[Walk] = []
        """Pickles in place of arrays of objects."""
        self.other_walks: list[Walk] = []
        """What a reader without joblib would make of an array's bytes."""

    def __call__(self, machine: Machine, wrapper: Made) -> None:
        """Go on behind the array of a wrapper."""
        try:
            array = following_array(wrapper, inside_frame=machine.inside_frame)
        except UnclearArrayError:
            what = "reads an array of which nobody can say how long it is"
            machine.trick("pickle-array-unclear", what)
            raise BrokenPickleError(f"it {what}") from None
        self._read_as_pickle(machine, holds_objects=array.item_bytes == OBJECTS)
        if array.item_bytes == OBJECTS:
            self._read_objects(machine)
        else:
            if array.is_aligned:
                machine.reader.skip(machine.reader.byte())
            machine.reader.skip(array.item_bytes * array.item_count)
        machine.replace_top(OPAQUE)

    def _read_as_pickle(self, machine: Machine, *, holds_objects: bool) -> None:
        """Return the bytes of an array could be opcodes, for a reader that knows nothing of joblib.

        Those of objects always are, and such a reader resolves their names by another memo: only
        what is dangerous counts.
        """
        position = machine.reader.position
        with machine.unchanged_memo():
            walk = follow(machine.branch())
        if any(map(is_dangerous, walk.machine.imports)) or (walk.tells and not holds_objects):
            self.other_walks.append(walk)
        machine.reader.move(position)

    def _read_objects(self, machine: Machine) -> None:
        walk = follow(Machine(machine.reader, machine.fuel))
        self.object_walks.append(walk)
        if not walk.stopped:
            raise BrokenPickleError(walk.reason)


class PickleScan:
    """Reads the pickles of one file."""

    def __init__(
        self, region: Region, place: Place, rules: NameRules, report: PickleReport, fuel: Fuel
    ) -> None:
        """Start with nothing read.

        Args:
            region: The file.
            place: What to call it.
            rules: What its pickles may name.
            report: Gets what is found.
            fuel: How many opcodes may still be followed.
        """
        self._region = region
        self._place = place
        self._rules = rules
        self._report = report
        self._fuel = fuel
        self.found = False
        """Whether there is a pickle at all."""
        self.loaded: list[Blob] = []
        """Bytes inside of the pickles that are loaded as files of their own."""

    def run(self, start: int = 0, *, expected: bool) -> None:
        """Read all pickles that follow each other.

        Args:
            start: Where the first one begins.
            expected: Whether the file is known to be opened by a reader of pickles.
        """
        todo, seen = [start], set()
        while todo:
            at = todo.pop()
            if at in seen or at >= self._region.size:
                continue
            seen.add(at)
            walk = self._read(at, expected=expected)
            if walk.stopped and self._fuel.left > 0:
                self._fuel.left -= PICKLE_OPCODES
                todo += raw_bytes_after(walk.machine.result, self._region, walk.end)
                todo.append(walk.end)

    def _read(self, at: int, *, expected: bool) -> Walk:
        marked = is_marked(self._region.read(at, 2))
        machine = Machine(ByteReader(self._region, at), self._fuel, lenient=marked)
        machine.after_build = arrays = ArrayFollower()
        walk = follow(machine)
        if self._counts(walk, marked=marked, expected=expected):
            self.found = self.found or walk.tells or marked
            self._note(walk, at)
        for other in arrays.other_walks:
            if self._counts(other, marked=False, expected=False):
                self._note(other, at)
        for inner in arrays.object_walks:
            self._note(inner, at)
        return walk

    def _counts(self, walk: Walk, *, marked: bool, expected: bool) -> bool:
        """Whether this is a pickle, rather than bytes that only look a little like one."""
        if marked and (walk.stopped or walk.tells):
            return True
        machine = walk.machine
        if walk.too_large or any(trick.code == FRAME_CROSSED for trick in machine.tricks):
            return True
        if walk.stopped:
            is_whole = walk.end == self._region.size
            return bool(machine.imports) or is_whole or machine.calls > 0
        if marked or not machine.imports:
            return marked and expected and machine.opcode_count >= CERTAIN_OPCODES
        if not all(map(is_plausible, machine.imports)):
            return False
        return expected or machine.calls > 0 or any(map(is_dangerous, machine.imports))

    def _note(self, walk: Walk, at: int) -> None:
        """Report what a pickle would do."""
        machine = walk.machine
        for named, position in machine.imports.items():
            self._judge(named, position)
        for trick in machine.tricks:
            self._add(trick.code, trick.what, trick.position)
        self.loaded += machine.loaded
        if walk.stopped:
            self._report.pickle_count += 1
        elif walk.too_large:
            self._add("pickle-too-large", f"is too large to follow: {walk.reason}", at)
        else:
            self._add("pickle-broken", f"cannot be read to its end: {walk.reason}", walk.end)

    def _judge(self, named: Global, position: int) -> None:
        verdict = self._rules.judge(named)
        if verdict == ALLOWED:
            return
        name = printable(str(named))
        if verdict == DANGEROUS:
            what = f"loads {name}, which can run any code or reach outside of the model"
            self._add("pickle-global-dangerous", what, position, name)
        else:
            what = f"loads {name}, which is on no list of harmless classes and functions"
            self._add("pickle-global-unknown", what, position, name)

    def _add(self, code: str, what: str, position: int, name: str = "") -> None:
        self._report.add(PickleFinding(code, what, self._place, position, name))


def printable(name: str) -> str:
    """Return a name of a pickle's making, on one line, not endless."""
    plain = name if name.isprintable() else name.encode("unicode_escape").decode()
    return plain[:MAX_NAME_CHARACTERS]


def is_plausible(named: Global) -> bool:
    """Whether a name is one that a module and a class could have, rather than bytes by chance."""
    return all(PLAUSIBLE.fullmatch(part) for part in named)
