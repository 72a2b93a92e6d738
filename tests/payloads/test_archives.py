from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.release.archives import ArchiveError, archive, folder_archive, read_folder


def _members(data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        return [
            (member, reader.read() if (reader := tar.extractfile(member)) else b"")
            for member in tar
        ]


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text("abäß0 .-", min_size=1, max_size=120).filter(lambda name: name.strip(".") != ""),
        st.binary(max_size=300),
        max_size=4,
    )
)
def test_what_goes_in_comes_out_sorted(files: dict[str, bytes]) -> None:
    assert [(member.name, content) for member, content in _members(archive(files))] == sorted(
        files.items()
    )


@pytest.mark.parametrize("size", [0, 1, 65_534, 65_535, 65_536, 200_000])
def test_content_of_any_size_is_kept(size: int) -> None:
    content = os.urandom(size)

    [(_, unpacked)] = _members(archive({"model.pth": content}))

    assert unpacked == content


def test_the_bytes_are_the_same_on_any_machine_and_day() -> None:
    digest = hashlib.sha256(archive({"code/inference.py": b"x = 1\n", "a": b""})).hexdigest()

    assert digest == "a1a7b10fac64283727199c4a3c47c183e8f2cbea3afc90bfa4ef05b60fd3795d"


def test_owner_mode_and_time_are_fixed() -> None:
    [(member, _)] = _members(archive({"a.py": b""}))

    assert (member.mode, member.mtime, member.uid, member.gid) == (0o644, 0, 0, 0)
    assert (member.uname, member.gname) == ("", "")


def test_the_gzip_header_has_neither_time_nor_name_and_the_data_is_stored() -> None:
    data = archive({"a.py": bytes(100_000)})

    assert data[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    assert len(data) > 100_000
    assert gzip.decompress(data).startswith(b"a.py")


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../a", "a/../../b", "./a", "a//b", "."])
def test_a_name_that_unpacks_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ArchiveError, match="cannot be the name of an archive member"):
        archive({name: b""})


def test_a_folder_is_read_without_caches_and_editor_files(tmp_path: Path) -> None:
    kept = ["inference.py", "requirements.txt", "lib/helper.py"]
    skipped = [
        "__pycache__/inference.cpython-311.pyc",
        "lib/__pycache__/helper.cpython-311.pyc",
        "old.pyc",
        ".env",
        ".git/HEAD",
        ".DS_Store",
        "lib/.DS_Store",
        ".inference.py.swp",
        "inference.py~",
        ".#inference.py",
        ".idea/workspace.xml",
        ".ipynb_checkpoints/x.ipynb",
    ]
    for name in [*kept, *skipped]:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)

    assert read_folder(tmp_path) == {name: name.encode() for name in kept}


def test_a_folders_archive_depends_on_its_content_alone(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("a")
    (tmp_path / "two" / "a.py").chmod(0o755)
    os.utime(tmp_path / "two" / "a.py", (0, 0))

    assert folder_archive(tmp_path / "one") == folder_archive(tmp_path / "two")


def test_a_link_within_the_folder_is_a_copy(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a")
    (tmp_path / "b.py").symlink_to("a.py")

    assert read_folder(tmp_path) == {"a.py": b"a", "b.py": b"a"}


def test_a_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("a")
    (tmp_path / "link").symlink_to("code")

    assert read_folder(tmp_path / "link") == {"a.py": b"a"}


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("../secret.txt", "is a link out of"),
        ("/etc/hostname", "is a link out of"),
        ("nowhere", "is a link to nothing"),
        ("sub", "is a link to a folder"),
        (".", "is a link to a folder"),
    ],
)
def test_a_link_that_cannot_be_followed_is_refused(
    tmp_path: Path, target: str, problem: str
) -> None:
    (tmp_path / "secret.txt").touch()
    (tmp_path / "code" / "sub").mkdir(parents=True)
    (tmp_path / "code" / "link").symlink_to(target)

    with pytest.raises(ArchiveError, match=problem):
        read_folder(tmp_path / "code")


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ArchiveError, match="is neither a file nor a folder"):
        read_folder(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="is not a folder that can be archived"):
        read_folder(tmp_path / "code")
