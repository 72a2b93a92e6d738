"""The field types that several config classes share, each with its rule."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    ValidationInfo,
)

from constructs_lib.fields.rules import TextRule, broken_rule, shown
from constructs_lib.terminal.paths import shown_path

S3_SCHEME: Final = "s3://"
UNUSED: Final = "accepted for files of the earlier system, unused"
"""What the description of a field says that the app reads and does nothing with."""
CURRENT_DEFAULT: Final = "default"
"""Key of ``json_schema_extra`` for a default of the current format, which the schema describes."""


def _check_relative(text: str) -> str:
    path = PurePosixPath(text)
    if not text or text.startswith(S3_SCHEME) or path.is_absolute() or ".." in path.parts:
        raise broken_rule(
            "must be a file name relative to its source dir, without '..', "
            'for example "inference.py"'
        )
    return text


def root_of(info: ValidationInfo) -> Path:
    """Return the folder that relative paths of the config under validation start from."""
    return Path((info.context or {}).get("root", "."))


def _check_source_dir(text: str, info: ValidationInfo) -> str:
    if text.startswith(S3_SCHEME):
        if not re.fullmatch(_S3_URI, text):
            raise broken_rule(f"must be {_S3_URI_DESCRIPTION}")
        return text
    return _check_folder(text, info, ", or an s3:// location")


def _check_local_dir(text: str, info: ValidationInfo) -> str:
    return _check_folder(text, info)


def _check_folder(text: str, info: ValidationInfo, alternative: str = "") -> str:
    directory = root_of(info) / text
    found = _look_at(directory)
    if found != "a folder":
        raise broken_rule(
            f"local folder {shown(str(shown_path(directory)))} is {found}; "
            f"give a folder that exists, relative to the config file{alternative}"
        )
    return text


def _look_at(path: Path) -> str:
    """Return what a path leads to: ``a folder``, ``a file``, ``not there``."""
    try:
        return "a folder" if path.is_dir() else "a file" if path.is_file() else "not there"
    except OSError as error:  # such as a name that is too long
        return f"not readable ({error.strerror})"


_S3_URI = r"s3://[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9](/[^\s]*)?"
_S3_URI_DESCRIPTION = 'an S3 location such as "s3://bucket/prefix"'

Text = Annotated[str, TextRule(r"[\s\S]*\S[\s\S]*", "text that is not empty")]
Version = Annotated[
    str,
    TextRule(
        r"[A-Za-z0-9][A-Za-z0-9._+\-]{0,63}",
        'a version such as "2.1.0": up to 64 letters, digits and any of ._+-',
    ),
]
S3Uri = Annotated[str, TextRule(_S3_URI, _S3_URI_DESCRIPTION)]
BucketName = Annotated[
    str,
    TextRule(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]", "an S3 bucket name, without s3:// and prefix"),
]
InstanceType = Annotated[
    str,
    TextRule(
        r"ml\.[a-z0-9\-]+\.[a-z0-9\-]+",
        'a SageMaker instance type, which starts with ml., for example "ml.m5.large"',
    ),
]
EntryPoint = Annotated[str, AfterValidator(_check_relative)]
SourceDir = Annotated[Text, AfterValidator(_check_source_dir)]
"""A local folder as written in the file, or an s3:// location (not looked at)."""
LocalDir = Annotated[Text, AfterValidator(_check_local_dir)]
"""A local folder as written in the file."""


def is_local(directory: str) -> bool:
    """Whether a source dir is a folder of this machine rather than a place in S3."""
    return not directory.startswith(S3_SCHEME)


def check_entry_point(entry_point: str, info: ValidationInfo, *source_dir_fields: str) -> str:
    """Check that a script exists in the first of the source dirs that is set.

    Raises:
        PydanticCustomError: no source dir, no such file, or a link that leaves the source dir.
    """
    if not all(field in info.data for field in source_dir_fields):
        return entry_point  # a source dir that is itself wrong is reported on its own
    directories = [info.data[field] for field in source_dir_fields if info.data[field]]
    if not directories:
        raise broken_rule(
            f"needs {' or '.join(source_dir_fields)}: the folder that holds {shown(entry_point)}"
        )
    if not is_local(directories[0]):
        return entry_point
    folder = (root_of(info) / directories[0]).resolve()
    script = folder / entry_point
    if _look_at(script) != "a file" or not script.resolve().is_relative_to(folder):
        scripts = sorted(each.name for each in folder.glob("*.py")) or ["no .py file"]
        raise broken_rule(
            f"no file {shown(entry_point)} in {shown_path(folder)}, which"
            f" holds {', '.join(scripts)}",
            *source_dir_fields,
        )
    return entry_point
