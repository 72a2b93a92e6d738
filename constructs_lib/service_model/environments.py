"""What SageMaker takes as environment variables of a container."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from constructs_lib.service_model import matches_pattern, max_length

MOST_BYTES: Final = 32 * 1024
"""Of all names and values of a model together. Source: ``Environment`` of ContainerDefinition."""


def size_bytes(texts: Iterable[str]) -> int:
    """Return how large names and values are together."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def most_variables() -> int:
    """Return how many variables a container can have."""
    return max_length("EnvironmentMap")


def wrong_name(name: str) -> str | None:
    """Return what is wrong with a variable's name, if anything."""
    longest = max_length("EnvironmentKey")
    if name and len(name) <= longest and matches_pattern("EnvironmentKey", name):
        return None
    return (
        f"a variable's name must be 1 to {longest} letters, digits and underscores, and not begin"
        " with a digit"
    )


def wrong_value(value: str) -> str | None:
    """Return what is wrong with a variable's value, if anything."""
    longest = max_length("EnvironmentValue")
    if size_bytes([value]) > longest:
        return f"has {size_bytes([value])} bytes; a variable's value has at most {longest}"
    return None
