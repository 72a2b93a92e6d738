"""The C library that inflates and checks: zlib-ng out of this job's archive, or Python's own zlib.

zlib-ng inflates faster, and computes a CRC-32 several times as fast; both tell where blocks start.
It travels in the archive as the shared object of its wheel, which exports zlib-ng's own functions
(``zng_inflate`` and others) whatever the version of Python: see ``constructs_lib/jobs/archive.py``.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import pkgutil
import tempfile
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from .reading import Span

if TYPE_CHECKING:
    from collections.abc import Callable

ZLIB_NG = "zlib_ng.so"
"""Its file beside this module, in the archive only."""
_PROBE = Span(b"of which both know the CRC-32", 3, 20)


class ZStream(ctypes.Structure):
    """``z_stream`` of zlib.h; up to ``data_type`` that of zlib-ng.h is the same."""

    _fields_ = (
        ("next_in", ctypes.c_void_p),
        ("avail_in", ctypes.c_uint),
        ("total_in", ctypes.c_ulong),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_uint),
        ("total_out", ctypes.c_ulong),
        ("msg", ctypes.c_char_p),
        ("state", ctypes.c_void_p),
        ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p),
        ("opaque", ctypes.c_void_p),
        ("data_type", ctypes.c_int),
        ("adler", ctypes.c_ulong),
        ("reserved", ctypes.c_ulong),
    )


class Library(NamedTuple):
    """What is used of one."""

    described: str
    """Name and version, for the log."""
    start: Callable[[ZStream], int]
    """Prepares to inflate one deflate stream."""
    inflate: Callable[[ZStream, int], int]
    end: Callable[[ZStream], int]
    crc32: Callable[[Span, int], int]
    """Continues a CRC-32."""


@functools.lru_cache(maxsize=None)  # noqa: UP033 cache is 3.9
def library() -> Library | None:
    """Return the fastest that there is; None if Python's zlib is none that can be called."""
    return _zlib_ng() or _zlib()


def crc32(data: bytes | Span, value: int = 0) -> int:
    """Continue a CRC-32, as ``zlib.crc32`` does."""
    span = data if isinstance(data, Span) else Span.of(data)
    fastest = library()
    return fastest.crc32(span, value) if fastest else _crc32_of_zlib(span, value)


def address(chunk: bytes) -> int:
    """Return where bytes stand in memory, for as long as someone holds them."""
    return ctypes.cast(ctypes.c_char_p(chunk), ctypes.c_void_p).value or 0


def _zlib_ng() -> Library | None:
    """Load the library that travels with this job, if it does and is for this machine."""
    with contextlib.suppress(OSError, AttributeError):
        content = pkgutil.get_data(__package__, ZLIB_NG)
        with tempfile.NamedTemporaryFile(suffix=".so") as file:
            file.write(content or b"")
            file.flush()
            loaded = ctypes.CDLL(file.name)
        loaded.zlibng_version.restype = ctypes.c_char_p
        loaded.zng_crc32.argtypes = (ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32)
        loaded.zng_crc32.restype = ctypes.c_uint32
        _declare(loaded, "zng_inflateInit2", ctypes.c_int)
        _declare(loaded, "zng_inflate", ctypes.c_int)
        _declare(loaded, "zng_inflateEnd")
        found = Library(
            f"zlib-ng {loaded.zlibng_version().decode()}",
            lambda stream: int(loaded.zng_inflateInit2(stream, -zlib.MAX_WBITS)),
            loaded.zng_inflate,
            loaded.zng_inflateEnd,
            functools.partial(_crc32_of_zlib_ng, loaded),
        )
        if found.crc32(_PROBE, 0) == _crc32_of_zlib(_PROBE, 0):
            return found
    return None


def _zlib() -> Library | None:
    """Load the zlib that Python itself uses, for what Python does not offer: ``Z_BLOCK``."""
    for name in ("libz.so.1", "libz.dylib"):
        with contextlib.suppress(OSError):
            loaded = ctypes.CDLL(name)
            loaded.zlibVersion.restype = ctypes.c_char_p
            _declare(loaded, "inflateInit2_", ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
            _declare(loaded, "inflate", ctypes.c_int)
            _declare(loaded, "inflateEnd")
            return _library_of_zlib(loaded)
    return None


def _library_of_zlib(loaded: Any) -> Library:
    version, size = loaded.zlibVersion(), ctypes.sizeof(ZStream)
    return Library(
        f"zlib {version.decode()}",
        lambda stream: int(loaded.inflateInit2_(stream, -zlib.MAX_WBITS, version, size)),
        loaded.inflate,
        loaded.inflateEnd,
        _crc32_of_zlib,
    )


def _crc32_of_zlib_ng(loaded: Any, span: Span, value: int) -> int:
    return int(loaded.zng_crc32(value, address(span.chunk) + span.start, span.size))


def _crc32_of_zlib(span: Span, value: int) -> int:
    return zlib.crc32(span.view(), value)


def _declare(loaded: Any, name: str, *arguments: Any) -> None:
    getattr(loaded, name).argtypes = (ctypes.POINTER(ZStream), *arguments)
