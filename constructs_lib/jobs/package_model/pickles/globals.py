"""Which classes and functions a pickle may name.

Everything that is not on a list is unknown, and reported. Sources of the lists:

- torch's ``weights_only`` list: ``_get_allowed_globals`` of ``torch/_weights_only_unpickler.py``,
  torch 2.13.0, with what torch registers as safe itself on import; the same of torch 1.13.1
- the functions that ``torch/jit/_pickle.py`` has for the pickles of TorchScript archives
- how arrays and scalars of numpy 1.x and 2.x reduce (``numpy/_core/multiarray.py``,
  ``numpy/core/multiarray.py`` and ``numpy/_core/numeric.py``), and the wrapper that joblib puts
  around arrays (``joblib/numpy_pickle.py``, joblib 1.6.0), which is followed here
- plain data of ``builtins`` and ``collections``

Some are known to run code, commands or other pickles, or to reach files and networks: by Python's
documentation of its modules, and by what the scanners picklescan, modelscan and fickling look for.
That list only tells what stays refused where unknown names are let through.
"""

from __future__ import annotations

import _compat_pickle
from typing import TYPE_CHECKING, NamedTuple

from .values import Global

if TYPE_CHECKING:
    from collections.abc import Collection

ALLOWED, UNKNOWN, DANGEROUS = "allowed", "unknown", "dangerous"

TORCHSCRIPT_MODULE = "__torch__"
"""Where TorchScript archives have their own classes, which only torch's C++ reader knows."""
LOAD_FROM_BYTES = Global("torch.storage", "_load_from_bytes")
"""Loads what stands in its argument, which is looked through too."""
ARRAY_WRAPPER = Global("joblib.numpy_pickle", "NumpyArrayWrapper")
DTYPE = Global("numpy", "dtype")

_NUMBERS = "BFloat16 Bool Byte Char ComplexDouble ComplexFloat Double Float Half Int Long Short"
_TENSORS = "BFloat16 Bool Byte Char Double Float Half Int Long Short"
_QUANTIZED = "QInt8 QInt32 QUInt2x4 QUInt4x2 QUInt8"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _each(kinds: str, suffix: str) -> str:
    return " ".join(kind + suffix for kind in kinds.split())


_ALLOWED = {
    "builtins": "bool bytearray bytes complex dict float frozenset int list object range set slice "
    "str tuple",
    "_codecs": "encode",
    "collections": "Counter OrderedDict defaultdict deque",
    "torch": f"""
        {_each(_NUMBERS, "Storage")} {_each(_QUANTIZED, "Storage")} {_each(_TENSORS, "Tensor")}
        Size Tensor device
        bfloat16 bool complex128 complex32 complex64 float16 float32 float64
        float4_e2m1fn_x2 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu
        int1 int16 int2 int3 int32 int4 int5 int6 int64 int7 int8
        uint1 uint16 uint2 uint3 uint32 uint4 uint5 uint6 uint64 uint7 uint8
        bits16 bits1x8 bits2x4 bits4x2 bits8
        qint32 qint8 quint2x4 quint4x2 quint8
        per_channel_affine per_channel_affine_float_qparams per_channel_symmetric
        per_tensor_affine per_tensor_symmetric
    """,
    "torch.cuda": _each(_NUMBERS, "Storage") + " " + _each(_TENSORS, "Tensor"),
    "torch.sparse": _each(_TENSORS, "Tensor"),
    "torch.cuda.sparse": _each(_TENSORS, "Tensor"),
    "torch.nn.parameter": "Parameter",
    "torch.serialization": "_get_layout",
    "torch.storage": "TypedStorage UntypedStorage _load_from_bytes",
    "torch._tensor": "_rebuild_from_type_v2",
    "torch._utils": """
        _rebuild_device_tensor_from_cpu_tensor _rebuild_device_tensor_from_numpy
        _rebuild_meta_tensor_no_storage _rebuild_nested_tensor _rebuild_parameter
        _rebuild_parameter_with_state _rebuild_qtensor _rebuild_sparse_csr_tensor
        _rebuild_sparse_tensor _rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3
        _rebuild_wrapper_subclass
    """,
    "torch.distributed._mesh_layout": "_FlatLayout _MeshLayout",
    "torch.nested._internal.nested_tensor": "NestedTensor _rebuild_njt",
    "torch.jit._pickle": "build_boollist build_doublelist build_intlist build_tensor_from_id "
    "build_tensorlist restore_type_tag",
    "numpy": "dtype ndarray",
    "numpy.core.multiarray": "_reconstruct scalar",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy.core.numeric": "_frombuffer",
    "numpy._core.numeric": "_frombuffer",
    "joblib.numpy_pickle": "NumpyArrayWrapper",
}
ALLOWED_GLOBALS = frozenset(
    Global(module, name) for module, names in _ALLOWED.items() for name in names.split()
)
_DANGEROUS_MODULES = _words(
    """
    _asyncio _bootsubprocess _ctypes _frozen_importlib _frozen_importlib_external _imp _pickle
    _posixshmem _posixsubprocess _pyrepl _sitebuiltins _socket _thread _winapi _xxsubinterpreters
    aiohttp asyncio asyncore bdb cProfile cffi cgi cloudpickle codeop commands compileall
    concurrent ctypes dbm dill distutils doctest ensurepip faulthandler fcntl ftplib gc http httplib
    httpx idlelib imaplib imp importlib joblib.externals jsonpickle lib2to3 linecache
    logging.config marshal modulefinder msvcrt multiprocessing nntplib nt numpy.distutils numpy.f2py
    numpy.testing os paramiko pdb pexpect pickle pip pipes pkg_resources pkgutil platform poplib
    posix pty ptyprocess py_compile pydoc readline requests rlcompleter runpy setuptools shelve
    shutil smtpd smtplib socket socketserver sqlite3 ssl subprocess sys telnetlib tempfile threading
    timeit torch._dynamo torch._inductor torch.distributed.rpc torch.hub torch.multiprocessing
    torch.package torch.utils.bottleneck torch.utils.collect_env torch.utils.cpp_extension
    torch.utils.model_zoo urllib urllib2 urllib3 venv webbrowser winreg wsgiref xmlrpc xmlrpclib
    zipapp zipimport
    """
)
"""With the modules inside of each. Models' own modules are not called so."""
_REACHED_THROUGH_OTHERS = _words(
    "__builtin__ builtins ctypes importlib marshal nt os pickle posix pty runpy shutil socket "
    "subprocess sys"
)
"""Modules that many others hold as an attribute."""

_DANGEROUS = {
    "builtins": """
        __build_class__ __import__ __loader__ apply breakpoint callable classmethod compile
        delattr dir eval exec execfile exit file filter getattr globals help input iter license
        locals map memoryview next open print property quit raw_input reduce reload setattr
        staticmethod super type vars
    """,
    "_operator": "attrgetter methodcaller call",
    "operator": "attrgetter methodcaller call",
    "code": "InteractiveConsole InteractiveInterpreter compile_command interact",
    "codecs": "open EncodedFile register lookup",
    "copyreg": "add_extension constructor pickle",
    "functools": "reduce cached_property singledispatch singledispatchmethod",
    "inspect": "getmodule currentframe stack",
    "io": "FileIO open open_code",
    "_io": "FileIO open open_code",
    "glob": "glob iglob",
    "itertools": "accumulate starmap",
    "types": "CodeType FunctionType LambdaType MethodType ModuleType DynamicClassAttribute",
    "typing": "get_type_hints ForwardRef _eval_type",
    "joblib": "load dump hash Memory Parallel delayed",
    "joblib.numpy_pickle": "load load_temporary_memmap NumpyUnpickler",
    "joblib.numpy_pickle_compat": "load_compatibility",
    "numpy": "load loadtxt genfromtxt fromfile memmap save savez savetxt frompyfunc vectorize",
    "numexpr": "evaluate",
    "numexpr.necompiler": "evaluate",
    "numpy.lib.npyio": "load NpzFile fromregex",
    "numpy.lib._npyio_impl": "load NpzFile fromregex",
    "numpy.lib.format": "read_array open_memmap",
    "pandas": "read_pickle eval read_hdf read_sql read_html read_csv",
    "pandas.io.pickle": "read_pickle",
    "pandas.core.computation.eval": "eval",
    "torch": "load save compile",
    "torch.serialization": "load save add_safe_globals",
    "torch.jit": "load save script trace",
    "torch.jit._serialization": "load",
    "torch.jit.unsupported_tensor_ops": "execWrapper",
    "torch.fx.graph_module": "_deserialize_graph_module reduce_graph_module _forward_from_src "
    "reduce_package_graph_module _exec_with_source",
    "torch.fx._symbolic_trace": "symbolic_trace",
    "torch.ops": "load_library",
    "torch._ops": "load_library",
    "torch.classes": "load_library",
    "trace": "Trace",
    "profile": "Profile run runctx",
    "torch.utils.data.datapipes.utils.decoder": "basichandlers",
}
"""By module, the names."""
DANGEROUS_GLOBALS = frozenset(
    Global(module, name) for module, names in _DANGEROUS.items() for name in names.split()
)
KNOWN_NAMES = frozenset(part for known in ALLOWED_GLOBALS for part in known)


def resolved(module: str, name: str, protocol: int) -> Global:
    """Return what a reader imports: up to protocol 2, Python 2's names stand for today's."""
    if protocol < 3:
        module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
        module = _compat_pickle.IMPORT_MAPPING.get(module, module)
    return Global(module, name)


def is_dangerous(named: Global) -> bool:
    """Whether it runs code, commands or other pickles, or reaches files and networks.

    By its name of today too: readers differ in which protocols they translate.
    """
    return _is_dangerous(named) or _is_dangerous(resolved(*named, protocol=0))


def may_be_dangerous(name: str) -> bool:
    """Whether ``module.name`` is dangerous, wherever in it the module ends."""
    parts = name.split(".")
    return any(
        is_dangerous(Global(".".join(parts[:end]), ".".join(parts[end:])))
        for end in range(1, len(parts))
    )


def _is_dangerous(named: Global) -> bool:
    if named in DANGEROUS_GLOBALS or _in_dangerous_module(named.module):
        return True
    # ``a.b`` reaches everything that a class or module holds; ``os`` of any module is os itself.
    parts = named.name.split(".")
    reaches_through = len(parts) > 1 and any(part.startswith("__") for part in parts)
    return reaches_through or not _REACHED_THROUGH_OTHERS.isdisjoint(parts)


def _in_dangerous_module(module: str) -> bool:
    parts = module.split(".")
    return any(".".join(parts[: end + 1]) in _DANGEROUS_MODULES for end in range(len(parts)))


class NameRules(NamedTuple):
    """What to think of the classes and functions that a pickle names."""

    own: Collection[str] = ()
    """``module.name`` of the user's own classes and functions."""
    torchscript: bool = False
    """Whether the pickle is inside of a TorchScript archive."""

    def judge(self, named: Global) -> str:
        """Whether it is allowed, unknown or dangerous."""
        if named in ALLOWED_GLOBALS:
            return ALLOWED
        if is_dangerous(named):
            return DANGEROUS
        if self.torchscript and named.module.split(".")[0] == TORCHSCRIPT_MODULE:
            return ALLOWED
        return ALLOWED if str(named) in self.own else UNKNOWN
