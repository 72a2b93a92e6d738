"""Which classes and functions a pickle may name.

Everything that is not on a list is unknown, and reported. Sources of the lists:

- torch's ``weights_only`` list: ``_get_allowed_globals`` of ``torch/_weights_only_unpickler.py``,
  torch 2.13.0, with what torch registers as safe itself on import; the same of torch 1.13.1
- the functions that ``torch/jit/_pickle.py`` has for the pickles of TorchScript archives
- how arrays and scalars of numpy 1.x and 2.x reduce (``numpy/_core/multiarray.py``,
  ``numpy/core/multiarray.py`` and ``numpy/_core/numeric.py``), and the wrapper that joblib puts
  around arrays (``joblib/numpy_pickle.py``, joblib 1.6.0), which is followed here
- plain data of ``builtins`` and ``collections``
"""

from __future__ import annotations

import _compat_pickle
from typing import TYPE_CHECKING, NamedTuple

from . import dangerous
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
DANGEROUS_GLOBALS = frozenset(
    Global(module, name) for module, names in dangerous.NAMES.items() for name in names.split()
)
KNOWN_NAMES = frozenset(part for known in ALLOWED_GLOBALS for part in known)


def resolved(module: str, name: str, protocol: int) -> Global:
    """What a reader imports: up to protocol 2, names of Python 2 stand for those of today."""
    if protocol < 3:
        module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
        module = _compat_pickle.IMPORT_MAPPING.get(module, module)
    return Global(module, name)


def is_dangerous(named: Global) -> bool:
    """Whether it runs code, commands or other pickles, or reaches files and networks.

    By its name of today too: readers differ in which protocols they translate.
    """
    return _is_dangerous(named) or _is_dangerous(resolved(*named, protocol=0))


def _is_dangerous(named: Global) -> bool:
    if named in DANGEROUS_GLOBALS or _in_dangerous_module(named.module):
        return True
    # ``a.b`` reaches everything that a class or module holds; ``os`` of any module is os itself.
    parts = named.name.split(".")
    reaches_through = len(parts) > 1 and any(part.startswith("__") for part in parts)
    return reaches_through or any(part in dangerous.MODULES for part in parts)


def _in_dangerous_module(module: str) -> bool:
    parts = module.split(".")
    return any(".".join(parts[: end + 1]) in dangerous.MODULES for end in range(len(parts)))


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
