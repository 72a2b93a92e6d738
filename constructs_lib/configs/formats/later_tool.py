"""Says what of a later tool's file is read here, and what is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from constructs_lib.configs.problems import ConfigProblem


def what_is_read(
    unsupported: Iterable[str], renamed: Mapping[str, str], not_read: Iterable[str]
) -> ConfigProblem | None:
    """Say in one message what is read otherwise than it stands; ``None`` when nothing is."""
    parts = [
        *_listed("sections without a counterpart here, not read", unsupported),
        *_renamed(renamed),
        *_listed("fields that no section here has, not read", sorted(set(not_read))),
    ]
    if not parts:
        return None
    return ConfigProblem(
        "$", f"a later tool's file, read where it means the same; {'; '.join(parts)}"
    )


def what_is_missing(
    missing: Iterable[str], unsupported: Iterable[str], renamed: Mapping[str, str]
) -> ConfigProblem:
    """Say in one message why a file cannot be released, and what of it can be taken over."""
    parts = [
        *_listed("sections without a counterpart here", unsupported),
        *_renamed(renamed),
    ]
    return ConfigProblem(
        "$",
        f"is a later tool's file that does not release a PyTorch model: it has no section"
        f" {', '.join(missing)}. Make a pipeline with 'release new' and take over what its other"
        f" sections say{''.join(f'; {each}' for each in parts)}",
    )


def _listed(what: str, names: Iterable[str]) -> list[str]:
    text = ", ".join(names)
    return [f"{what}: {text}"] if text else []


def _renamed(renamed: Mapping[str, str]) -> list[str]:
    return _listed(
        "fields that have another name here",
        (f"{name} is {current}" for name, current in sorted(renamed.items())),
    )
