"""Reads ``manifest.json`` of own sample requests: content types, and tolerances of answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from constructs_lib.configs import VariableType
from constructs_lib.fields.rules import TextRule, did_you_mean, message_of
from constructs_lib.release.samples.errors import UnusableSampleError
from constructs_lib.release.samples.texts import as_json

CONTENT_TYPES: Final = {
    ".csv": "text/csv",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".npy": "application/x-npy",
    ".png": "image/png",
    ".txt": "text/plain",
}
"""What files are by their extension; JSON lines as SageMaker's own algorithms call them."""

MediaType = Annotated[
    str,
    TextRule(
        r"[A-Za-z0-9][\w.+\-]*/[\w.+\-]+(;[ -~]*)?",
        'a content type such as "application/x-npy"',
    ),
]
_STRICT: Final = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Tolerance(BaseModel):
    """How far a number may be from the expected one: absolute + relative x |expected|."""

    model_config = _STRICT

    absolute: float = Field(1e-6, ge=0)
    relative: float = Field(1e-5, ge=0)


class SampleManifest(BaseModel):
    """What files alone do not tell."""

    model_config = _STRICT

    content_types: dict[str, MediaType] = {}
    """By extension (``.npy``) or name of a file."""
    tolerances: dict[str, Tolerance] = {}
    """By output variable."""

    def content_type(self, name: str) -> str:
        """Return the content type of a request.

        Raises:
            UnusableSampleError: Nobody knows it.
        """
        extension = PurePosixPath(name).suffix.lower()
        own = self.content_types
        found = own.get(name) or own.get(extension) or CONTENT_TYPES.get(extension)
        if found is None:
            raise UnusableSampleError(
                "its content type is not known; known extensions:"
                f" {', '.join(CONTENT_TYPES)}. Name it in manifest.json:"
                f' {{"content_types": {{"{extension or name}": "TYPE/SUBTYPE"}}}}, or remove it'
            )
        return found

    def problems(self, names: list[str], outputs: Mapping[str, VariableType]) -> Iterator[str]:
        """Tell what it says of files that are not there, and of outputs that are no numbers."""
        extensions = {PurePosixPath(name).suffix.lower() for name in names}
        for key in self.content_types:
            if key not in names and key not in extensions:
                near = did_you_mean(key, [*names, *extensions])
                yield f"content_types.{key}: no request has that extension or name{near}"
        numbers = [name for name, kind in outputs.items() if kind is VariableType.NUMERIC]
        for name in self.tolerances:
            if name not in numbers:
                near = did_you_mean(name, numbers)
                yield (
                    f"tolerances.{name}: is no NUMERIC output; there are:"
                    f" {', '.join(numbers) or 'none'}{near}"
                )


def read_manifest(content: bytes) -> SampleManifest:
    """Read the file.

    Raises:
        UnusableSampleError: It holds something else; names each problem.
    """
    document = as_json(content)
    try:
        # From JSON: of Python values, strict mode would refuse what is no instance.
        return SampleManifest.model_validate_json(json.dumps(document))
    except ValidationError as error:
        problems = [_told(each) for each in error.errors(include_url=False)]
        raise UnusableSampleError("; ".join(problems)) from None


def _told(error: ErrorDetails) -> str:
    path = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        model = SampleManifest if len(error["loc"]) == 1 else Tolerance
        known = list(model.model_fields)
        near = did_you_mean(str(error["loc"][-1]), known)
        return f"{path}: is unknown; known are: {', '.join(known)}{near}"
    message = message_of(error)
    return f"{path}: {message}" if path else message
