"""What containers hold, and what newer Pythons and libraries hold no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from constructs_lib.jobs.verify_model.failures import IN_CONTAINERS

MODULES_OF_PYTORCH: Final = frozenset(
    {*IN_CONTAINERS, "PIL", "cv2", "pandas", "psutil", "requests", "scipy", "sklearn", "yaml"}
)
"""Source: the package lists of AWS Deep Learning Containers for PyTorch inference."""

_REMOVED_BY_3_12: Final = ("asynchat", "asyncore", "imp", "smtpd")
_REMOVED_BY_3_13: Final = """
aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib ossaudiodev pipes
sndhdr spwd sunau telnetlib uu xdrlib
"""
REMOVED_MODULES: Final[Mapping[str, tuple[int, int]]] = {
    **dict.fromkeys(_REMOVED_BY_3_12, (3, 12)),
    **dict.fromkeys(_REMOVED_BY_3_13.split(), (3, 13)),
}
"""Modules of Python's own, by the version that has them no more.

Source: docs.python.org, "What's New In Python 3.12" and "3.13", Removed. ``distutils`` is not among
them: setuptools, which the containers have, brings it.
"""

_OF_NUMPY_1: Final = """
DataSource Inf Infinity NINF NZERO NaN PINF PZERO add_docstring add_newdoc add_newdoc_ufunc
alltrue asfarray byte_bounds cast cfloat clongfloat compare_chararrays complex complex_
cumproduct deprecate deprecate_with_doc disp fastCopyAndTranspose find_common_type float float_
format_parser get_array_wrap geterrobj in1d infty int issctype issubclass_ issubsctype
longcomplex longfloat lookfor mat maximum_sctype nbytes obj2sctype object product recfromcsv
recfromtxt round_ safe_eval sctype2char sctypes set_numeric_ops set_string_function seterrobj
singlecomplex sometrue source str string_ tracemalloc_domain trapz unicode_ who
"""
REMOVED_FROM_NUMPY: Final = frozenset(_OF_NUMPY_1.split())
"""Names of numpy's that 2.4 has no more, which earlier versions had.

Source: numpy 2.4.6, numpy/_expired_attrs_2_0.py and its release notes from 1.24 on.
"""
