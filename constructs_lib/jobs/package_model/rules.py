"""What becomes of each member of the model archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common.code_members import CODE_FOLDER
from .errors import RefusedError, about, shown
from .inventory import Inventory, Warnings, check_target
from .tar.members import FILE, FOLDER, HARD_LINK, SYMLINK, Member, normalized
from .tar.rewriting import (
    names_without_pax,
    output_headers,
    privileges,
    without_privileges,
)
from .tar.scanner import Edit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..common.tar_blocks import Header
    from .serving_files import ServingFiles


class ModelRules:
    """Decides, member by member, what becomes of the model archive."""

    def __init__(
        self, inventory: Inventory, single_folder: str, serving: ServingFiles | None = None
    ) -> None:
        """Start with the paths that are taken, and what to do about a single folder."""
        self._inventory = inventory
        self._serving = serving
        self._single_folder = single_folder
        self._flatten = single_folder == "flatten"
        self._top: str | None = None
        self._in_one_folder = True
        self._warnings = Warnings()
        self._is_empty = True
        self.member_count = 0
        """Members kept."""
        self.replaced_count = 0
        """Members of the model's own ``code/``."""

    def visit(self, member: Member) -> Edit | None:
        """Return what to change about a member; None to keep it as it is."""
        with about(member.path or "."):
            return self._visit(member)

    def _visit(self, member: Member) -> Edit | None:
        if member.kind == SYMLINK:
            check_target(member.path, member.target)
        path = self._placed(member)
        if path is None or in_code(path):
            self.replaced_count += path is not None
            return Edit(member.start, member.end)
        self.member_count += 1
        headers = self._headers(member, path)
        if headers is member.headers and member.is_canonical:
            return None
        replacement = b"".join(header.padded() for header in headers)
        return Edit(member.start, member.data_start, replacement)

    def _headers(self, member: Member, path: str) -> Sequence[Header]:
        """Return the member's headers in the output: the very same, if nothing changes."""
        name = member.name if path == member.path else path
        if not path:
            name = name.lstrip("/") or "./"
        target = self._placed_target(member)
        headers = output_headers(member, name, target)
        others = names_without_pax(headers)
        self._admit(member, path, is_plain=others is None)
        if others and not self._are_harmless(*others, member.kind, path):
            headers = output_headers(member, name, target, may_keep_names=False)
        for privilege in privileges(member):
            self._warnings.add(f"has its {privilege} dropped", path)
            headers = without_privileges(headers)
        return headers

    def _are_harmless(self, name: str, target: str, kind: str, path: str) -> bool:
        """Whether it does no harm that readers which know no PAX headers see these names."""
        try:
            if in_code(normalized(name)):
                return False
            self._inventory.add_other_name(name, target, kind, path)
        except RefusedError:
            return False
        return True

    def _placed(self, member: Member) -> str | None:
        """Return the member's path in the output; None for the single folder that is taken away."""
        if not member.path:
            if member.kind != FOLDER:
                raise RefusedError(f"is a {member.kind} without a name")
            return ""
        top, slash, rest = member.path.partition("/")
        inside = bool(slash) or member.kind == FOLDER
        if member.kind == FILE and not slash and is_of_macos(top):
            return None if self._single_folder == "flatten" else top
        if self._top is None:
            self._top = top
            self._flatten = self._flatten and inside and top != CODE_FOLDER
        self._in_one_folder = self._in_one_folder and inside and top == self._top
        if not self._flatten:
            return member.path
        if not self._in_one_folder:
            raise RefusedError(
                f"is not inside of {shown(self._top)}: flattening needs a single folder"
            )
        return rest or None

    def _placed_target(self, member: Member) -> str:
        """Return what a link points to in the output: hard links name their file from the root."""
        if self._flatten and member.kind == HARD_LINK:
            return normalized(member.target).partition("/")[2]
        return member.target

    def _admit(self, member: Member, path: str, *, is_plain: bool) -> None:
        """Check a member that stays against those before it."""
        if not path:
            return
        if self._serving is not None:
            self._serving.refuse(path)
        self._is_empty = self._is_empty and is_of_macos(path)
        target = self._placed_target(member)
        if member.kind == HARD_LINK and in_code(normalized(target)):
            raise RefusedError(
                f"is a hard link to {shown(target)}, in the {CODE_FOLDER}/ that is replaced"
            )
        if self._inventory.add(path, member.kind, target, is_plain=is_plain):
            self._warnings.add("is there more than once (the last one counts)", path)

    def finish(self) -> None:
        """All members were seen.

        Raises:
            RefusedError: the archive as a whole is not a model.
        """
        self._warnings.close()
        self._inventory.check_symlinks()
        if self._is_empty:
            raise RefusedError(f"holds no model: nothing is in it outside of {CODE_FOLDER}/")
        if self._in_one_folder and self._single_folder == "refuse":
            top = shown(self._top or "")
            raise RefusedError(
                f"has everything inside of one folder, {top}, but the model's files belong at its "
                f"root: pack what is inside of it, as `tar -czf model.tar.gz -C {top} .` does, or "
                "add --single-folder flatten (or keep) to the command; a pipeline takes that from "
                "processing_script_arguments of its Package section"
            )


def is_of_macos(path: str) -> bool:
    """Whether a file is one that macOS puts beside others: no part of a model."""
    name = path.rpartition("/")[2]
    return name.startswith("._") or name == ".DS_Store"


def in_code(path: str) -> bool:
    """Whether a path is ``code`` or inside of it."""
    return path == CODE_FOLDER or path.startswith(CODE_FOLDER + "/")
