"""Requests to replay are read from whatever they lie in, and a bad line is told by its number."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.replay.requests import ReplayRequestsError, read_requests


def _write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _captured(**data: Any) -> str:
    return json.dumps({"captureData": data, "eventMetadata": {"eventId": "1"}, "eventVersion": "0"})


def _asked(data: str, kind: str, encoding: str) -> dict[str, str]:
    return {"observedContentType": kind, "mode": "INPUT", "data": data, "encoding": encoding}


def test_each_line_is_a_request_as_it_is_written(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.jsonl", '\ufeff{"x": 1.10}\r\n\r\n[[2, 3]]\n')

    requests = read_requests(path)

    assert [each.body for each in requests] == [b'{"x": 1.10}', b"[[2, 3]]"]
    assert {each.content_type for each in requests} == {"application/json"}
    assert [each.source.rpartition(", ")[2] for each in requests] == ["line 1", "line 3"]


def test_an_array_holds_requests_whose_numbers_stay_as_they_are(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.json", '[ {"x": 1.10},\n{"y": [1, 2]} , 1e400 ]')

    assert [each.body for each in read_requests(path)] == [
        b'{"x": 1.10}',
        b'{"y": [1, 2]}',
        b"1e400",
    ]


def test_many_requests_of_an_array_are_read_in_seconds(tmp_path: Path) -> None:
    item = json.dumps({"text": "x" * 100})
    path = _write(tmp_path, "a.json", f"[{','.join([item] * 30_000)}]")

    began = time.process_time()
    assert len(read_requests(path)) == 30_000

    assert time.process_time() - began < 20, "each item copies the rest of the file"


def test_files_that_were_joined_keep_no_mark_in_a_request(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.jsonl", '\ufeff{"x": 1}\n\ufeff{"x": 2}\n')

    assert [each.body for each in read_requests(path)] == [b'{"x": 1}', b'{"x": 2}']


def test_a_file_is_named_so_that_a_terminal_can_show_it(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b.jsonl"))
    odd.write_text("1\n")

    (request,) = read_requests(tmp_path)

    assert request.source == f"{tmp_path}/\\udcff\\x1b.jsonl, line 1"


def test_an_archive_among_other_requests_is_told(tmp_path: Path) -> None:
    _write(tmp_path, "a.csv", "1\n")
    _write(tmp_path, "b.tar.gz", "")

    with pytest.raises(ReplayRequestsError, match="give this file itself as the requests"):
        read_requests(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("one.json", '{"x": 1}', "application/json"),
        ("three.csv", "1,2\n3,4\n5,6\n", "text/csv"),
        ("array.npy", "\x93NUMPY", "application/x-npy"),
    ],
)
def test_a_sample_request_is_sent_whole(tmp_path: Path, name: str, content: str, kind: str) -> None:
    (request,) = read_requests(_write(tmp_path, name, content))

    assert (request.body, request.content_type) == (content.encode(), kind)


def test_lines_in_a_file_that_is_called_json_are_lines(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.json", '{"x": 1}\n{"x": 2}\n')

    assert [each.body for each in read_requests(path)] == [b'{"x": 1}', b'{"x": 2}']


def test_captured_data_is_what_the_endpoint_was_sent(tmp_path: Path) -> None:
    lines = [
        _captured(
            endpointInput=_asked("1,2\n", "text/csv; charset=utf-8", "CSV"),
            endpointOutput=_asked('{"s": 1}', "application/json; charset=utf-8", "JSON"),
        ),
        _captured(endpointInput=_asked("k05VTVBZ", "application/x-npy", "BASE64")),
    ]

    first, second = read_requests(_write(tmp_path, "a.jsonl", "\n".join(lines)))

    assert (first.body, first.content_type) == (b"1,2\n", "text/csv; charset=utf-8")
    assert first.accept == "application/json"
    assert (second.body, second.accept) == (b"\x93NUMPY", None)


def test_a_folder_is_read_by_name_without_what_is_no_request(tmp_path: Path) -> None:
    _write(tmp_path, "b/02.jsonl", '{"x": 2}\n')
    _write(tmp_path, "a.csv", "1\n")
    _write(tmp_path, "a.expected.json", "[]")
    _write(tmp_path, "manifest.json", "{}")
    _write(tmp_path, ".DS_Store", "x")

    assert [each.body for each in read_requests(tmp_path)] == [b"1\n", b'{"x": 2}']


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", '{"x": 1}\n\n{"x": \n', "a.jsonl: line 3 is not JSON: column 6:"),
        ("a.json", '[\n{"x": 1},\n{"y" 2}\n]', "a.json: is not JSON: line 3, column 6:"),
        ("a.json", '{"x": 1}\n{"x"\n', "a.json: line 2 is not JSON"),
        ("a.json", "\x0b\n", "a.json: is not JSON: line 1, column 1:"),
        ("a.json", "[" * 100_000, "a.json: is nested too deeply"),
        ("a.jsonl", "[" * 100_000, "a.jsonl: line 1 is nested too deeply"),
        ("a.json", f"[{'1' * 5000}]", "a.json: holds a whole number of 5,000 digits"),
        ("a.jsonl", b'{"x": 1}\n"\xff"\n', "a.jsonl, line 2: is no text in UTF-8"),
        ("a.jsonl", " \n\n", "holds no request"),
        ("a.json", "[]", "holds no request"),
        ("a.csv", "", "holds no request"),
        ("a.parquet", "x", "does not tell what it holds. Rename it, such as to a.jsonl"),
        (
            "a.jsonl",
            _captured(endpointOutput=_asked("1", "text/csv", "CSV")),
            "line 1: data capture has kept no request there (endpointInput), only endpointOutput.",
        ),
        (
            "a.jsonl",
            _captured(endpointInput=None),
            "no request there (endpointInput), only nothing.",
        ),
        ("a.jsonl", _captured(endpointInput={"data": 1}), "endpointInput needs the texts data"),
        (
            "a.jsonl",
            _captured(endpointInput=_asked("\ud800", "text/csv", "CSV")),
            "line 1: its data holds half of a character pair",
        ),
        (
            "a.jsonl",
            _captured(endpointInput=_asked("%", "application/x-npy", "BASE64")),
            "line 1: its data is said to be BASE64, and is not",
        ),
    ],
)
def test_what_cannot_be_read_is_told(
    tmp_path: Path, name: str, content: str | bytes, told: str
) -> None:
    with pytest.raises(ReplayRequestsError) as error:
        read_requests(_write(tmp_path, name, content))

    assert told in str(error.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReplayRequestsError, match="No such file"):
        read_requests(tmp_path / "gone.jsonl")
