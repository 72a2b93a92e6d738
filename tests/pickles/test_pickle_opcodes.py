"""Pickles made by hand: whatever way code hides in one, it is found without being run."""

from __future__ import annotations

import pickle
import struct

import pytest

from tests.pickles.samples import (
    BENIGN,
    EVIL,
    PROTO,
    SHELL,
    STOP,
    called,
    codes,
    found,
    from_stack,
    imported,
    scan,
    text,
)

OS_SYSTEM = ("pickle-global-dangerous", "os.system")


def marked(*parts: bytes) -> bytes:
    return PROTO[4] + b"".join(parts) + STOP


def frame(size: int) -> bytes:
    return pickle.FRAME + struct.pack("<Q", size)


def memoized(*values: bytes) -> bytes:
    """Values that are put into the memo, one after the other, and taken from the stack."""
    return b"".join(value + pickle.MEMOIZE + pickle.POP for value in values)


FINDS_OS_SYSTEM = {
    "global": EVIL,
    "stack global": marked(called(from_stack("os", "system"), text("true"))),
    "through memoize": marked(memoized(text("os"), text("system")), b"h\0h\1", pickle.STACK_GLOBAL),
    "through binput": marked(
        text("os") + b"q\7" + text("system") + b"q\3", b"h\7h\3", pickle.STACK_GLOBAL
    ),
    "through long binput": marked(
        text("os"), b"r\0\1\0\0", pickle.POP, b"j\0\1\0\0", text("system"), pickle.STACK_GLOBAL
    ),
    "through put and get in digits": marked(
        text("os") + b"p12\n" + text("system") + b"p13\n", b"g12\ng13\n", pickle.STACK_GLOBAL
    ),
    "through dup": marked(
        text("system"), text("os"), b"2", pickle.POP, text("system"), pickle.STACK_GLOBAL
    ),
    "memo written twice": marked(
        text("collections") + b"q\0" + text("os") + b"q\0" + b"h\0" + text("system"),
        pickle.STACK_GLOBAL,
    ),
    "texts of every opcode": marked(
        pickle.BINUNICODE8
        + struct.pack("<Q", 2)
        + b"os"
        + pickle.BINUNICODE
        + struct.pack("<I", 6)
        + b"system"
        + pickle.STACK_GLOBAL
    ),
    "old texts": marked(b"U\2os" + b"T\6\0\0\0system", pickle.STACK_GLOBAL),
    "text lines": marked(b"S'o\\x73'\n" + b"Vs\\u0079stem\n", pickle.STACK_GLOBAL),
    "inst": marked(pickle.MARK, text("true"), b"ios\nsystem\n"),
    "inst without a mark": marked(b"ios\nsystem\n"),
    "obj": marked(pickle.MARK, imported("os", "system"), text("true"), pickle.OBJ),
    "newobj": marked(imported("os", "system"), text("true"), pickle.TUPLE1, pickle.NEWOBJ),
    "newobj_ex": marked(
        imported("os", "system"), text("true"), pickle.TUPLE1, pickle.EMPTY_DICT, pickle.NEWOBJ_EX
    ),
    "never called": marked(imported("os", "system")),
    "popped": marked(imported("os", "system"), pickle.POP, b"N"),
    "in a frame": PROTO[4] + frame(len(SHELL) + 3) + b"N0" + SHELL + STOP,
    "another protocol inside": PROTO[4] + PROTO[2] + SHELL + STOP,
    "protocol 0": b"cos\nsystem\n(S'true'\ntR.",
    "protocol 1": b"cos\nsystem\n(U\4truetR.",
    "protocol 0 by inst": b"(S'true'\nios\nsystem\n.",
    "name of another system": marked(imported("posix", "system")) + marked(SHELL),
    "second pickle": BENIGN + EVIL,
    "many pickles": BENIGN * 50 + EVIL,
    "behind a pickle of protocol 0": b"N." + EVIL,
    "breaks behind": PROTO[2] + SHELL + b"\xff",
    "ends behind": PROTO[2] + SHELL,
    "ends in a name": PROTO[2] + b"cos\nsystemX",
    "memo lacks a number before": marked(b"h\5", pickle.POP, SHELL),
    "module reached through another": marked(from_stack("torch.serialization", "os.system")),
    "marks upon marks": marked(pickle.MARK * 5000, SHELL),
    "deep stack": PROTO[2] + b"N" * 300_000 + SHELL + STOP,
}


@pytest.mark.parametrize("data", FINDS_OS_SYSTEM.values(), ids=FINDS_OS_SYSTEM.keys())
@pytest.mark.parametrize("name", ["model.pkl", "README"])
def test_code_is_found_whatever_the_opcodes_and_the_name(data: bytes, name: str) -> None:
    names = {name for code, name in found(data, name) if code == "pickle-global-dangerous"}

    assert names & {"os.system", "posix.system", "torch.serialization.os.system"}


DANGEROUS = (
    "builtins.eval", "builtins.exec", "builtins.__import__", "builtins.getattr", "builtins.open",
    "__builtin__.eval", "os.popen", "nt.system", "subprocess.Popen", "commands.getoutput",
    "pickle.loads", "_pickle.loads", "cPickle.loads", "dill._dill._load_type", "cloudpickle.loads",
    "marshal.loads", "types.FunctionType", "types.CodeType", "operator.attrgetter",
    "_operator.methodcaller", "importlib.import_module", "runpy.run_path", "pip.main",
    "pip._internal.main", "socket.socket", "webbrowser.open", "ctypes.CDLL", "code.interact",
    "torch.load", "torch.serialization.load", "torch.hub.load", "torch.jit.load",
    "torch.fx.graph_module._deserialize_graph_module",
    "torch.jit.unsupported_tensor_ops.execWrapper", "numpy.load", "numpy.f2py.crackfortran.myeval",
    "numpy.testing._private.utils.runstring", "pandas.read_pickle", "joblib.load",
    "shutil.rmtree", "tempfile.mktemp", "timeit.timeit", "pdb.run", "pty.spawn", "sys.exit",
    "bdb.Bdb", "asyncio.create_subprocess_shell", "multiprocessing.Process",
    "urllib.request.urlopen",
    "requests.api.get", "httplib.HTTPSConnection", "pydoc.pipepager", "idlelib.pyshell.main",
    "builtins.setattr", "copyreg.add_extension", "collections.OrderedDict.__init__.__globals__",
)  # fmt: skip


@pytest.mark.parametrize("name", DANGEROUS)
@pytest.mark.parametrize("protocol", [2, 4])
def test_dangerous_names_are_refused_though_unknown_ones_are_let_through(
    name: str, protocol: int
) -> None:
    module, _, last = name.rpartition(".")
    if "OrderedDict" in name:
        module, last = "collections", name.partition(".")[2]
    findings = scan(PROTO[protocol] + imported(module, last) + STOP).findings

    assert [finding.is_refused("warn") for finding in findings] == [True]


def test_the_name_of_a_dangerous_global_cannot_be_allowed() -> None:
    report = scan(EVIL, own_names=("os.system",))

    assert [(finding.code, finding.name) for finding in report.findings] == [OS_SYSTEM]


def test_a_class_that_is_on_no_list_is_reported_with_its_place() -> None:
    (finding,) = scan(PROTO[2] + imported("shop.models", "Net") + STOP, "net.pt").findings

    assert finding.code == "pickle-global-unknown"
    assert (finding.name, finding.position) == ("shop.models.Net", 2)
    assert finding.place.path == ("net.pt",)
    assert [finding.is_refused(policy) for policy in ("refuse", "warn", "off")] == [
        True, False, False,
    ]  # fmt: skip


def test_a_class_of_the_users_own_is_let_through() -> None:
    data = PROTO[2] + imported("shop.models", "Net") + STOP

    assert scan(data, own_names=("shop.models.Net",)).findings == []


@pytest.mark.parametrize("module", ["collections.", "collections.OrderedDict", " collections"])
def test_an_allowed_name_must_match_as_a_whole(module: str) -> None:
    assert codes(PROTO[4] + from_stack(module, "OrderedDict") + STOP)


def test_a_module_is_named_though_the_file_ends_in_it() -> None:
    assert ("pickle-global-dangerous", "subprocess.") in found(PROTO[2] + b"csubprocessX")


def test_python_2_names_stand_for_todays_only_up_to_protocol_2() -> None:
    named = imported("__builtin__", "set")

    assert codes(PROTO[2] + named + STOP) == set()
    assert codes(PROTO[4] + named + STOP) == {"pickle-global-unknown"}


STR = imported("builtins", "str")
HIDDEN = {
    "made by a call": marked(called(STR, text("os")), text("system"), pickle.STACK_GLOBAL),
    "from a missing number of the memo": marked(b"h\5", text("system"), pickle.STACK_GLOBAL),
    "given by the reader": marked(b"Pos\n", text("system"), pickle.STACK_GLOBAL),
    "persistent by the stack": marked(text("os"), b"Q", text("system"), pickle.STACK_GLOBAL),
    "longer than a name": marked(
        b"X" + struct.pack("<I", 300) + b"a" * 300, text("system"), pickle.STACK_GLOBAL
    ),
    "from below all that is kept": (
        PROTO[4] + text("os") + text("system") + b"(" + b"N" * 300_000 + b"1"
        + pickle.STACK_GLOBAL + STOP
    ),
}  # fmt: skip


@pytest.mark.parametrize("data", HIDDEN.values(), ids=HIDDEN.keys())
def test_a_name_that_cannot_be_known_is_a_finding(data: bytes) -> None:
    assert "pickle-name-hidden" in codes(data)


@pytest.mark.parametrize(
    "extension", [b"\x82\1", b"\x83\1\0", b"\x84\1\0\0\0"], ids=["ext1", "ext2", "ext4"]
)
def test_the_extension_registry_is_always_refused(extension: bytes) -> None:
    (finding,) = scan(marked(extension, b")", pickle.REDUCE)).findings

    assert finding.code == "pickle-extension"
    assert finding.is_refused("warn")


CHANGES = {
    "build": imported("torch.nn.parameter", "Parameter") + b"}" + text("x") + b"Ns" + pickle.BUILD,
    "set item": imported("collections", "OrderedDict") + text("x") + b"N" + pickle.SETITEM,
    "set items": imported("collections", "OrderedDict") + b"(" + text("x") + b"Nu",
    "append": imported("collections", "deque") + b"N" + pickle.APPEND,
    "appends": imported("collections", "deque") + b"(N" + pickle.APPENDS,
}


@pytest.mark.parametrize("data", CHANGES.values(), ids=CHANGES.keys())
def test_a_class_itself_must_not_be_changed(data: bytes) -> None:
    assert codes(marked(data)) == {"pickle-changes-class"}


FRAMES = {
    "a line": frame(3) + b"cxxcollections\nOrderedDict\n",
    "an argument": frame(2) + text("os"),
    "a frame in a frame": frame(99) + b"N0" + frame(3) + b"N0N" + b"N" * 99,
}


@pytest.mark.parametrize("data", FRAMES.values(), ids=FRAMES.keys())
def test_opcodes_must_not_go_beyond_their_frame(data: bytes) -> None:
    assert "pickle-frame-crossed" in codes(marked(data))
    assert "pickle-frame-crossed" in codes(b"N0" + data + STOP, "README")


def test_frames_may_follow_each_other() -> None:
    assert codes(PROTO[4] + frame(2) + b"N0" + frame(2) + b"N.") == set()


@pytest.mark.parametrize("function", [called(imported("collections", "Counter")), b"Pid\n"])
def test_only_what_is_named_may_be_called(function: bytes) -> None:
    assert codes(marked(called(function))) == {"pickle-calls-result"}


def test_getattr_is_followed_where_protocol_2_names_a_method() -> None:
    method = called(imported("__builtin__", "getattr"), imported("shop", "Net"), text("forward"))

    assert found(PROTO[2] + method + STOP) == {
        ("pickle-global-unknown", "shop.Net"),
        ("pickle-global-unknown", "shop.Net.forward"),
    }


GETATTR = imported("builtins", "getattr")
USES_OF_GETATTR = {
    "as a value": marked(GETATTR),
    "of what a call returned": marked(called(GETATTR, called(STR), text("format"))),
    "of an unknown name": marked(called(GETATTR, STR, called(STR))),
    "through the memo": marked(GETATTR + b"q\0", called(b"", STR, text("x")), b"h\0"),
    "to dunder names": marked(called(GETATTR, STR, text("__globals__"))),
}


@pytest.mark.parametrize("data", USES_OF_GETATTR.values(), ids=USES_OF_GETATTR.keys())
def test_any_other_use_of_getattr_is_dangerous(data: bytes) -> None:
    assert "pickle-global-dangerous" in codes(data)


BROKEN = {
    "unknown opcode": BENIGN[:-1] + b"\xff",
    "no stop": BENIGN[:-1],
    "cut argument": BENIGN[:-1] + b"X\xff\xff\xff\x7f",
    "empty stack": BENIGN[:-1] + b"00.",
    "no mark": BENIGN[:-1] + b"t",
    "protocol 6": BENIGN[:-1] + b"\x80\6",
    "negative size": BENIGN[:-1] + b"T\xff\xff\xff\xff",
    "bad utf-8": BENIGN[:-1] + b"\x8c\1\xff",
    "call of a number": BENIGN[:-1] + b"K\1)R",
    "name of a number": BENIGN[:-1] + b"K\1K\1\x93",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_break_is_a_finding_itself(data: bytes) -> None:
    (finding,) = scan(data).findings

    assert finding.code == "pickle-broken"
    assert (finding.is_refused("refuse"), finding.is_refused("warn")) == (True, False)


def test_what_stands_before_the_break_counts() -> None:
    assert found(EVIL[:-1] + b"\xff") == {OS_SYSTEM, ("pickle-broken", "")}


@pytest.mark.parametrize(
    "data",
    [
        b"cat\ndog\nhouse\n",
        b"{'a': 1}\n",
        b"import os\nsystem\n",
        b"(dp0\n",
        bytes(4096),
        b"\x80\2\x1f" + bytes(range(256)),
        b"\x82\1." + bytes(range(256)),
        b"]cgc.t0]1]\nN d\n)R]",
        b"N" * 9000,
        b"(" * 9000,
        b"K" * 9000,
        b"",
        b".",
    ],
)
def test_other_files_are_no_pickles(data: bytes) -> None:
    assert scan(data, "vocabulary.txt").findings == []
    assert scan(data, "data/0").findings == []


@pytest.mark.parametrize(
    "weights",
    [
        b"\x80\4\x8f:\x87\xa5%\xbd\xc0",
        b"\x82O.<\x18\xe8\xfa\xbc",
        b"}\x83y\x83\x81\x83zob\x82\x8d",
    ],
)
def test_weights_may_begin_like_a_pickle(weights: bytes) -> None:
    assert scan(weights + b"\x1f" * 64, "weights.bin").findings == []


def test_a_pickle_without_names_that_breaks_is_told_where_one_is_expected() -> None:
    data = pickle.dumps(list(range(100)))[:-5]

    assert codes(data, "archive/data/0") == set()
    assert codes(data, "model.pkl") == {"pickle-broken"}


def test_bytes_that_are_loaded_are_looked_through() -> None:
    loads = imported("torch.storage", "_load_from_bytes")

    def loading(data: bytes) -> bytes:
        counted = pickle.BINBYTES + struct.pack("<I", len(data)) + data
        return PROTO[4] + called(loads, counted) + STOP

    assert found(loading(BENIGN)) == set()
    assert found(loading(EVIL)) == {OS_SYSTEM}
    assert found(loading(loading(EVIL))) == {OS_SYSTEM}
    assert codes(PROTO[4] + called(loads, called(STR, text("x"))) + STOP) == {"pickle-name-hidden"}


def test_a_pickle_larger_than_is_followed_is_a_finding() -> None:
    holes = b"".join(b"r" + struct.pack("<I", 2 * number) for number in range(1, 70_000))

    assert codes(PROTO[2] + b"N" + holes + STOP) == {"pickle-too-large"}


def test_findings_are_told_once_and_not_endlessly() -> None:
    names = b"".join(imported("shop", f"Name{number}") for number in range(300))
    report = scan(PROTO[2] + names + names + STOP)

    assert (len(report.findings), report.left_out) == (200, 100)
