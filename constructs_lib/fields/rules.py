"""Rules of fields, and what breaks them in the words of whoever wrote the file."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic_core import (
    CoreSchema,
    InitErrorDetails,
    PydanticCustomError,
    ValidationError,
    core_schema,
)

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import ErrorDetails

_LONGEST_SHOWN_VALUE: Final = 80
_MESSAGES: Final = {
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "dict_type": "should be an object",
    "extra_forbidden": "is not known here",
    "float_parsing": "should be a number",
    "float_type": "should be a number",
    "int_from_float": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_type": "should be a whole number",
    "list_type": "should be a list",
    "missing": "is required",
    "model_attributes_type": "should be an object",
    "model_type": "should be an object",
    "path_type": "should be a path, in quotes",
    "string_type": "should be text, in quotes",
    "tuple_type": "should be a list",
}
"""By pydantic's types of errors: its own messages speak of Python's types."""


def shown(value: object) -> str:
    """Return the value as JSON text, shortened to fit on a line."""
    text = json.dumps(value, default=str)
    if len(text) <= _LONGEST_SHOWN_VALUE:
        return text
    return f"{text[:_LONGEST_SHOWN_VALUE]}..."


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """``; did you mean "..."?`` with the nearest known name, or nothing when none is near."""
    by_folded = {each.casefold(): each for each in known}
    nearest = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=cutoff)
    return f'; did you mean "{by_folded[nearest[0]]}"?' if nearest else ""


def broken_rule(message: str, *other_fields: str) -> PydanticCustomError:
    """Make the error that a validator raises for a rule of this project.

    ``other_fields`` took part in the rule: when the field itself is left to its default, the
    problem is reported at the first of them that the file holds.
    """
    return PydanticCustomError(
        "rule", "{message}", {"message": message, "other_fields": other_fields}
    )


def broken_rules(
    title: str, errors: Iterable[tuple[tuple[str | int, ...], object, str]]
) -> ValidationError:
    """Make one error of several broken rules in a field: (location in it, value, message)."""
    return ValidationError.from_exception_data(
        title,
        [
            InitErrorDetails(type=broken_rule(message), loc=location, input=value)
            for location, value, message in errors
        ],
    )


@dataclass(frozen=True)
class TextRule:
    """A text that matches ``pattern`` as a whole; ``description`` tells users what is allowed."""

    pattern: str
    description: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the pattern after the type."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Give editors the same pattern."""
        return {**handler(schema), "pattern": f"^{self.pattern}$"}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise broken_rule(f"must be {self.description}")
        return text


def message_of(error: ErrorDetails) -> str:
    """Return what is wrong with a field, without its place and value."""
    context = error.get("ctx", {})
    message = _MESSAGES.get(error["type"], error["msg"])
    if error["type"] == "value_error":
        message = str(context["error"])
    elif error["type"] in ("too_short", "too_long"):
        limit = context.get("min_length", context.get("max_length"))
        message = f"should have at {'least' if error['type'] == 'too_short' else 'most'} {limit}"
    for beginning in ("Input ", "String "):
        message = message.removeprefix(beginning)
    expected = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    if isinstance(error["input"], str) and expected:
        message += did_you_mean(error["input"], expected)
    return message[:1].lower() + message[1:]


def field_names(section: Any, path: Iterable[str | int]) -> list[str]:
    """Return the names of the fields of a section, found by its place in a model."""
    for name in path:
        fields = getattr(section, "model_fields", {})
        annotation = fields[name].annotation if name in fields else section
        # Of the section or None, or of sections by name.
        sections = (annotation, *get_args(annotation))
        section = next((each for each in sections if hasattr(each, "model_fields")), section)
    return list(section.model_fields)
