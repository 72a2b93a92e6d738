"""constructs_lib/errors.py shows every error, and finds those that are added."""

from __future__ import annotations

from pathlib import Path

from docs.error_tree import PATH, error_tree, with_tree


def test_the_tree_is_current() -> None:
    text = PATH.read_text()

    assert text == with_tree(text, error_tree()), "run: make docs"


def test_an_error_stands_below_the_one_it_derives_from(tmp_path: Path) -> None:
    for path, code in {
        "constructs_lib/errors.py": "class ReleaseError(Exception): ...",
        "constructs_lib/steps/__init__.py": "class StepError(errors.ReleaseError, ValueError): ...",
        "local/cdk.py": "class LastError(ReleaseError): ...\nclass Defect(Exception): ...",
        "stacks/deep/own.py": "def f():\n    class DeepError(StepError): ...",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(code)

    assert error_tree(tmp_path) == [
        "ReleaseError",
        "├── StepError      constructs_lib.steps",
        "│   └── DeepError  stacks.deep.own",
        "└── LastError      local.cdk",
    ]


def test_only_the_tree_is_replaced() -> None:
    text = '"""First line.\n\n    Old\n    └── Older\n\nLast paragraph.\n"""\n'

    assert with_tree(text, ["New", "└── Newer"]) == text.replace("Old", "New")
