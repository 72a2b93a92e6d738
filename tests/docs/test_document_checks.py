"""The checks of documents find what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.documents import (
    Block,
    Edit,
    blocks,
    indented_commands,
    inline_commands,
    messages,
    parts,
)
from tests.docs.outputs import differs
from tests.docs.programs import NoSuchCommandError, check


def document(folder: Path, text: str) -> Path:
    path = folder / "document.md"
    path.write_text(text)
    return path


def test_marks_belong_to_the_block_right_below_them(tmp_path: Path) -> None:
    text = """
<!-- first: cp a b -->
<!-- exit code: 3 -->
```console
$ release validate \\
    my_model
error: no
$ release doctor
```

<!-- not run: no network -->
```bash
make demo
```

```console
$ ls
```
"""
    first, second, third = blocks(document(tmp_path, text))

    assert [each.text for each in first.commands] == ["release validate my_model", "release doctor"]
    assert first.commands[0].output == ("error: no",)
    assert (first.first, first.exit_code, first.not_run) == (("cp a b",), 3, None)
    assert second.not_run == "no network"
    assert (third.first, third.exit_code, third.not_run) == ((), 0, None)


def test_commands_are_found_outside_of_blocks_too(tmp_path: Path) -> None:
    path = document(
        tmp_path, "Run `cdk diff`, `release\nstart NAME` or `x`:\n\n    $ make demo\n    text\n"
    )

    assert inline_commands(path) == ["cdk diff", "release start NAME"]
    assert indented_commands(path) == ["make demo"]


def test_a_patch_changes_lines_that_are_there_once(tmp_path: Path) -> None:
    fence = "```"
    text = f"<!-- patch: a.txt -->\n{fence}diff\n one\n-two\n+three\n{fence}\n"
    (edit,) = parts(document(tmp_path, text))
    assert isinstance(edit, Edit)

    (tmp_path / "a.txt").write_text("zero\none\ntwo\n")
    edit.apply(tmp_path)

    assert (tmp_path / "a.txt").read_text() == "zero\none\nthree\n"
    with pytest.raises(ValueError, match=r"0 times in a\.txt"):
        edit.apply(tmp_path)


def test_quoted_messages_name_their_program(tmp_path: Path) -> None:
    text = "<!-- message in: a.py -->\n```text\nNo … here\n```\n"

    (message,) = messages(document(tmp_path, text))

    assert (message.path, message.text) == ("a.py", "No … here")
    assert not any(isinstance(each, Block) for each in parts(tmp_path / "document.md"))


@pytest.mark.parametrize(
    "text",
    [
        "release validate my_model --no-cache",
        "release diff [OLD] [NEW]",
        "cdk destroy <app_name>-pipeline-<folder> && cdk deploy --all -c environment=dev",
        "make PYTHON=python3.12 setup",
        "make bench-*",
        "aws sagemaker list-pipelines --region us-east-1",
        "aws s3 cp model.tar.gz s3://BUCKET/incoming/model.tar.gz",
        "FOO=1 python -m docs.draw_pictures | head",
    ],
)
def test_commands_that_exist_pass(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("release valdate", "no command 'valdate'"),
        ("release validate --all", "no option --all"),
        ("make everything", "no target 'everything'"),
        ("make NOTHING=1 test", "no variable 'NOTHING'"),
        ("cdk deploy --everything", "no option --everything"),
        ("cdk undo", "no command 'undo'"),
        ("aws sagemaker start-pipeline", "no operation 'start-pipeline'"),
        ("aws sagemaker stop-pipeline-execution --name x", "no option --name"),
        ("aws sagemake list-pipelines", "no service 'sagemake'"),
        ("python -m docs.absent", "no module 'docs.absent'"),
        ("python absent.py", "no script 'absent.py'"),
        ("cat a | telnet b", "'telnet' is not a program"),
    ],
)
def test_commands_that_do_not_exist_are_told(text: str, problem: str) -> None:
    with pytest.raises(NoSuchCommandError, match=problem):
        check(text)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (("took 6.1 s", "run r5s1y40a1gry"), "took 12.0 s\nrun 49obpo0n6u2d\n"),
        (("a", "…", "d"), "a\nb\nc\nd\n"),
        (("a … c",), "a b   c\n"),
        (("09:00:01  B", "09:00:02  A", "end"), "10:00:00  A\n10:00:00  B\nend\n"),
        (("09:00:01  A", "…", "09:00:03  C"), "10:00:00  C\n10:00:00  B\n10:00:00  A\n"),
        (
            ("Execution 5fkszcpry4ck of a", "releases/5fkszcpry4ck/model"),
            "Execution umjtnjdvcyki of a\nreleases/umjtnjdvcyki/model\n",
        ),
        (("5fkszcpry4ck  Succeeded",), "umjtnjdvcyki   Succeeded\n"),
    ],
)
def test_what_varies_does_not_matter(shown: tuple[str, ...], printed: str) -> None:
    assert differs(shown, printed) is None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (("a", "b"), "b\na\n"),
        (("a",), "a\nb\n"),
        (("a", "…", "d"), "a\nb\n"),
        (("3 problems",), "2 problems\n"),
        (("09:00:01  A",), "10:00:00  B\n"),
    ],
)
def test_what_differs_is_told(shown: tuple[str, ...], printed: str) -> None:
    assert "printed:" in str(differs(shown, printed))
