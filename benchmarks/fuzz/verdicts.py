"""Compares what readers make of one accepted archive."""

from __future__ import annotations

import hashlib

from benchmarks.fuzz.packager import CODE, ENTRY_POINT
from benchmarks.fuzz.readers import Answers
from benchmarks.fuzz.reference import NotCanonicalError, Views, read_strictly
from benchmarks.fuzz.trees import FILE, FOLDER, LINK, Node, ReaderAnswer, Tree

_CODE_TREE: Tree = {
    "code": Node(FOLDER),
    f"code/{ENTRY_POINT}": Node(FILE, hashlib.sha256(CODE).hexdigest()),
}
_MAY_PASS_OVER_PAX = ("busybox",)
"""Debian's knows PAX headers, others do not."""
_KNOWN_ERRORS = (
    # The oldest format, without a magic number: it reads none of it.
    ("busybox", "invalid tar magic"),
    # A name that is not UTF-8: it unpacks it as it is.
    ("bsdtar", "Pathname can't be converted from UTF-8"),
    ("bsdtar", "Linkname can't be converted from UTF-8"),
)
"""What readers say about archives that are as they should be."""
_MAX_HOPS = 40


def differences(archive: bytes, answers: Answers) -> list[str]:
    """Tell what is wrong with an accepted archive: nothing, if all readers see one safe tree.

    Args:
        archive: What the packaging job wrote, uncompressed.
        answers: What the readers made of it.
    """
    found = [
        f"{reader}: {problem}"
        for reader, answer in answers.items()
        for problem in problems(answer.tree)
    ]
    try:
        views = read_strictly(archive)
    except NotCanonicalError as error:
        return [f"not canonical: {error}", *found]
    found += [f"with PAX: {problem}" for problem in problems(views.with_pax)]
    found += [f"without PAX: {problem}" for problem in problems(views.without_pax)]
    for reader, answer in answers.items():
        found += [f"{reader}: {line}" for line in _unlike(views, reader, answer)]
    return found


def _unlike(views: Views, reader: str, answer: ReaderAnswer) -> list[str]:
    if answer.error:
        return [] if _is_known(reader, answer.error) else [answer.error]
    if reader in _MAY_PASS_OVER_PAX and answer.tree == views.without_pax:
        return []
    return _changes(views.with_pax, answer.tree)


def _is_known(reader: str, error: str) -> bool:
    return any(reader == name and known in error for name, known in _KNOWN_ERRORS)


def _changes(expected: Tree, tree: Tree) -> list[str]:
    return [
        f"{path!r} is {tree.get(path)}, expected {expected.get(path)}"
        for path in sorted(expected.keys() | tree.keys())
        if tree.get(path) != expected.get(path)
    ]


def problems(tree: Tree) -> list[str]:
    """Find what no reader may: other code, set-id bits, links that lead out."""
    code = {path: node for path, node in tree.items() if f"{path}/".startswith("code/")}
    found = [f"code: {line}" for line in _changes(_CODE_TREE, code)]
    found += [f"{path!r} has a set-id bit" for path, node in tree.items() if node.set_id]
    found += [
        f"{path!r} links to {node.detail!r}"
        for path, node in tree.items()
        if node.kind == LINK and _leads_out(tree, path, node.detail)
    ]
    return found


def _leads_out(tree: Tree, path: str, target: str) -> bool:
    if target.startswith("/"):
        return True
    at, todo, hops = path.split("/")[:-1], target.split("/")[::-1], 0
    while todo:
        part = todo.pop()
        if part == "..":
            if not at:
                return True
            at.pop()
        elif part not in ("", "."):
            at.append(part)
            through = tree.get("/".join(at))
            if through and through.kind == LINK:
                hops += 1
                at.pop()
                todo += through.detail.split("/")[::-1]
        if hops > _MAX_HOPS:
            return False
    return False
