"""Follows a pickle, opcode by opcode, and notes what a reader would import and call."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .globals import ARRAY_WRAPPER, DTYPE, LOAD_FROM_BYTES, resolved
from .opcodes import MAX_PROTOCOL, OPCODES, STOP
from .regions import BrokenPickleError, ByteReader, CutLineError
from .stack import PickleMemo, PickleStack, TooLargeToFollowError
from .values import FORGOTTEN, OPAQUE, PERSISTENT, RESULT, Blob, Entries, Global, Made, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from .values import Value

MAX_TUPLE_ITEMS = 32
"""Longer tuples are no shapes and no arguments that matter."""
MAX_NOTES = 1000
"""How many imports, and how many tricks, are noted of one pickle."""
TRACKED = (ARRAY_WRAPPER, DTYPE)
FRAME_CROSSED = "pickle-frame-crossed"
NAMELESS = Global("", "")
"""Stands for what was reported already."""
GETATTR = Global("builtins", "getattr")
"""How classes inside of classes, and methods, are named up to protocol 3."""


class Trick(NamedTuple):
    """Something that hides what a pickle does."""

    code: str
    position: int
    what: str


class Fuel:
    """How many opcodes may still be followed."""

    def __init__(self, opcodes: int) -> None:
        """Start with so many."""
        self.left = opcodes

    def burn(self) -> None:
        """One more."""
        self.left -= 1
        if self.left < 0:
            raise TooLargeToFollowError("it has too many opcodes")


class Machine:
    """One pickle on the way."""

    def __init__(self, reader: ByteReader, fuel: Fuel, *, lenient: bool = True) -> None:
        """Start with empty stack and memo.

        Args:
            reader: Stands where the pickle begins.
            fuel: Limits the number of opcodes.
            lenient: Go on where the memo lacks a number, as a reader does that has read more.
        """
        self.reader = reader
        self.fuel = fuel
        self._fuel_before = fuel.left
        self._lenient = lenient
        self._stack = PickleStack()
        self._memo = PickleMemo()
        self._protocol = 0
        self._at = reader.position
        self._frame_end = 0
        self.imports: dict[Global, int] = {}
        """Where each is first named."""
        self.tricks: list[Trick] = []
        self.loaded: list[Blob] = []
        """Bytes that are themselves loaded."""
        self.calls = 0
        self._getattr_at = 0
        self._getattr_count = 0
        """How often getattr stands somewhere without being called for a name that is known."""
        self.result: Value = None
        self.after_build: Callable[[Machine, Made], None] | None = None
        """What a reader of its own does with objects of certain classes."""

    def run(self) -> None:
        """Follow the pickle to its end.

        Raises:
            BrokenPickleError: it cannot be read further.
            TooLargeToFollowError: it goes beyond the limits.
        """
        try:
            self._run()
        finally:
            if self._getattr_count:
                self.imports[GETATTR] = self._getattr_at

    def _run(self) -> None:
        reader, fuel, steps = self.reader, self.fuel, STEPS
        while True:
            fuel.burn()
            self._at = reader.position
            code = reader.byte()
            step = steps.get(code)
            if step is None:
                raise BrokenPickleError(f"there is no opcode {code:#04x}")
            act, take = step
            argument = take(reader)
            self._check_frame()
            act(self, argument)
            if code == STOP:
                return

    @property
    def opcode_count(self) -> int:
        """How many opcodes were followed."""
        return self._fuel_before - self.fuel.left

    def branch(self) -> Machine:
        """Return a machine that goes on from here in another way, with the same memo."""
        branch = Machine(self.reader, self.fuel, lenient=False)
        branch._stack, branch._memo = self._stack.copy(), self._memo
        branch._protocol = self._protocol
        return branch

    def unchanged_memo(self) -> AbstractContextManager[None]:
        """Return a context that takes back what is put into the memo meanwhile."""
        return self._memo.unchanged()

    @property
    def inside_frame(self) -> bool:
        """Whether the current frame has more."""
        return self._frame_end > self.reader.position

    def replace_top(self, value: Value) -> None:
        """Let another value stand uppermost."""
        self._stack.pop()
        self._stack.push(value)

    def trick(self, code: str, what: str) -> None:
        """Note a trick at the current opcode."""
        if len(self.tricks) < MAX_NOTES:
            self.tricks.append(Trick(code, self._at, what))

    # --- Opcodes, in the order of OPCODES -------------------------------------------------------

    def _proto(self, version: int) -> None:
        if version > MAX_PROTOCOL:
            raise BrokenPickleError(f"there is no protocol {version}")
        self._protocol = version

    def _check_frame(self) -> None:
        if self._at < self._frame_end < self.reader.position:
            self._refuse_frame("ends a frame in the middle of an opcode")

    def _refuse_frame(self, what: str) -> None:
        """Stop where readers part: some lose what is left of a frame, others stop."""
        self.trick(FRAME_CROSSED, what)
        raise BrokenPickleError(f"it {what}")

    def _frame(self, size: int) -> None:
        if self._at < self._frame_end:
            self._refuse_frame("begins a frame inside of another")
        self._frame_end = self.reader.position + size

    def _stop(self, _: Value) -> None:
        self.result = self._stack.pop()

    def _mark(self, _: Value) -> None:
        self._stack.mark()

    def _pop(self, _: Value) -> None:
        self._stack.pop_or_unmark()

    def _pop_mark(self, _: Value) -> None:
        self._stack.pop_to_mark()

    def _dup(self, _: Value) -> None:
        self._push_again(self._stack.top())

    def _push_again(self, value: Value) -> None:
        self._getattr_count += isinstance(value, Global) and value == GETATTR
        self._stack.push(value)

    def _push(self, value: Value) -> None:
        self._stack.push(value)

    def _push_true(self, _: Value) -> None:
        self._stack.push(True)  # noqa: FBT003

    def _push_false(self, _: Value) -> None:
        self._stack.push(False)  # noqa: FBT003

    def _push_data(self, _: Value) -> None:
        self._stack.push(OPAQUE)

    def _need_top(self, _: Value) -> None:
        self._stack.check(1)

    def _push_tuple(self, _: Value) -> None:
        self._stack.push(())

    def _tuple_of_marked(self, _: Value) -> None:
        items, is_complete = self._stack.pop_to_mark()
        self._stack.push(tuple_of(items) if is_complete else OPAQUE)

    def _tuple_of(self, count: int) -> None:
        self._stack.check(count)
        items = [self._stack.pop() for _ in range(count)]
        self._stack.push(tuple_of(items[::-1]))

    def _tuple1(self, _: Value) -> None:
        self._tuple_of(1)

    def _tuple2(self, _: Value) -> None:
        self._tuple_of(2)

    def _tuple3(self, _: Value) -> None:
        self._tuple_of(3)

    def _data_of_marked(self, _: Value) -> None:
        self._stack.pop_to_mark()
        self._stack.push(OPAQUE)

    def _push_dict(self, _: Value) -> None:
        self._stack.push(Entries())

    def _dict_of_marked(self, _: Value) -> None:
        items, is_complete = self._stack.pop_to_mark()
        entries = Entries()
        put_all(entries, items, is_complete=is_complete)
        self._stack.push(entries)

    def _append(self, _: Value) -> None:
        self._stack.check(2)
        self._stack.pop()
        self._refuse_global("adds to")

    def _append_marked(self, _: Value) -> None:
        self._stack.pop_to_mark()
        self._refuse_global("adds to")

    def _set_item(self, _: Value) -> None:
        self._stack.check(3)
        value, key = self._stack.pop(), self._stack.pop()
        self._set([key, value], is_complete=True)

    def _set_marked(self, _: Value) -> None:
        items, is_complete = self._stack.pop_to_mark()
        self._set(items, is_complete=is_complete)

    def _set(self, items: list[Value], *, is_complete: bool) -> None:
        self._refuse_global("adds to")
        target = self._stack.top()
        if isinstance(target, Entries):
            put_all(target, items, is_complete=is_complete)

    def _refuse_global(self, does: str) -> None:
        """Objects may be filled; the classes and functions themselves must stay as they are."""
        target = self._stack.top()
        if isinstance(target, Global) and target is not NAMELESS:
            self.trick("pickle-changes-class", f"{does} {str(target)!r} itself, no object of it")

    def _get(self, number: int) -> None:
        try:
            self._push_again(self._memo.get(number))
        except KeyError:
            if not self._lenient:
                raise BrokenPickleError(f"its memo has no number {number}") from None
            self._stack.push(FORGOTTEN)

    def _put(self, number: int) -> None:
        self._memo.put(number, self._stack.top())

    def _memoize(self, _: Value) -> None:
        self._memo.put(len(self._memo), self._stack.top())

    def _import_lines(self, _: Value) -> None:
        self._stack.push(self._global_of_lines())

    def _global_of_lines(self) -> Global:
        module, name = b"", b""
        try:
            module = self.reader.line()
            name = self.reader.line()
        except CutLineError as error:
            # Python's own reader takes the last letter for the end of the line, and imports.
            rest = error.line[:-1]
            self._import(utf8(module or rest), utf8(rest if module else b""))
            raise
        self._check_frame()
        return self._import(utf8(module), utf8(name))

    def _import(self, module: str, name: str) -> Global:
        named = resolved(module, name, self._protocol)
        if named == GETATTR:
            self._getattr_at = self._at
            self._getattr_count += 1
            return named
        if len(self.imports) < MAX_NOTES:
            self.imports.setdefault(named, self._at)
        elif named not in self.imports:
            raise TooLargeToFollowError("it names too many classes and functions")
        return named

    def _instance_of_lines(self, _: Value) -> None:
        named = self._global_of_lines()  # Python's own reader looks for the mark only then
        items, is_complete = self._stack.pop_to_mark()
        self._stack.push(self._called(named, tuple_of(items) if is_complete else OPAQUE))

    def _instance_of_marked(self, _: Value) -> None:
        items, is_complete = self._stack.pop_to_mark()
        if is_complete and not items:
            raise BrokenPickleError("its stack holds too little")
        if not is_complete:
            items = [FORGOTTEN]
        self._stack.push(self._called(items[0], tuple_of(items[1:])))

    def _import_from_stack(self, _: Value) -> None:
        self._stack.check(2)
        name, module = self._stack.pop(), self._stack.pop()
        if isinstance(name, str) and isinstance(module, str):
            self._stack.push(self._import(module, name))
            return
        for part in (module, name):
            if not isinstance(part, (str, Unknown)):
                raise BrokenPickleError("it names something that is no text")
        shown = " and ".join(
            repr(part) if isinstance(part, str) else part.what
            for part in (module, name)
            if isinstance(part, (str, Unknown))
        )
        self.trick("pickle-name-hidden", f"names a class or function by {shown}")
        self._stack.push(NAMELESS)

    def _extension(self, code: int) -> None:
        if code <= 0:
            raise BrokenPickleError(f"it names number {code} of the extension registry")
        self.trick("pickle-extension", f"names number {code} of the extension registry")
        self._stack.push(NAMELESS)

    def _call(self, _: Value) -> None:
        self._stack.check(2)
        args, function = self._stack.pop(), self._stack.pop()
        self._stack.push(self._called(function, args))

    _new = _call

    def _new_with_keywords(self, _: Value) -> None:
        self._stack.check(3)
        self._stack.pop()
        args, function = self._stack.pop(), self._stack.pop()
        self._stack.push(self._called(function, args))

    def _called(self, function: Value, args: Value) -> Value:
        """Return what comes of a call."""
        self.calls += 1
        function = RESULT if isinstance(function, Made) else function
        if function in (FORGOTTEN, PERSISTENT, RESULT):
            self.trick("pickle-calls-result", f"calls {function.what}")
            return RESULT
        if not isinstance(function, Global):
            raise BrokenPickleError("it calls what is no class or function")
        if function == GETATTR:
            return self._attribute(args)
        if function == LOAD_FROM_BYTES:
            self._load(args)
        return Made(function, args) if function in TRACKED else RESULT

    def _attribute(self, args: Value) -> Value:
        """Return what getattr returns: a name, if it is asked for one."""
        if type(args) is not tuple or len(args) != len(("object", "name")):
            return RESULT
        owner, name = args
        if not isinstance(owner, Global) or owner is NAMELESS or not isinstance(name, str):
            return RESULT
        self._getattr_count -= 1
        return self._import(owner.module, f"{owner.name}.{name}")

    def _load(self, args: Value) -> None:
        argument = args[0] if type(args) is tuple and len(args) == 1 else None
        if isinstance(argument, Blob) and len(self.loaded) < MAX_NOTES:
            self.loaded.append(argument)
        else:
            self.trick("pickle-name-hidden", f"lets {LOAD_FROM_BYTES} load what it puts together")

    def _build(self, _: Value) -> None:
        self._stack.check(2)
        state = self._stack.pop()
        self._refuse_global("sets attributes of")
        target = self._stack.top()
        if isinstance(target, Made):
            target.state = state
            target.lossy = target.lossy or (isinstance(state, Entries) and state.lossy)
            if self.after_build is not None and target.maker == ARRAY_WRAPPER:
                self.after_build(self, target)
        elif target is FORGOTTEN and ARRAY_WRAPPER in self.imports:
            self.trick("pickle-array-unclear", "may read an array that it put aside far back")

    def _persistent(self, _: Value) -> None:
        self._stack.pop()
        self._stack.push(PERSISTENT)


def tuple_of(items: list[Value]) -> Value:
    """Return a tuple, as far as it matters: flat, and not long."""
    if len(items) > MAX_TUPLE_ITEMS:
        return OPAQUE
    return tuple(OPAQUE if type(item) is tuple else item for item in items)


def put_all(entries: Entries, items: list[Value], *, is_complete: bool) -> None:
    """Fill a dict with keys and values in turn."""
    if len(items) % 2 and is_complete:
        raise BrokenPickleError("it fills a dict with a key that has no value")
    entries.lossy = entries.lossy or not is_complete
    for key, value in zip(items[::2], items[1::2]):  # noqa: B905 strict is 3.10
        entries.put(key, value)


def utf8(line: bytes) -> str:
    """Return a name as text."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise BrokenPickleError("it holds a name that is not UTF-8") from None


STEPS = {code: (getattr(Machine, "_" + name), take) for code, (name, take) in OPCODES.items()}
