"""Answers and archives that Python's readers give up on are findings, not ends of the job."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from constructs_lib.jobs.common.errors import JobError
from constructs_lib.jobs.verify_model.answers.responses import ResponseError, check_response
from constructs_lib.jobs.verify_model.payloads import Payload, read_files

VARIABLES = (("score", "NUMERIC"), ("label", "TEXT"))
JSON, CSV = "application/json", "text/csv"


@pytest.mark.parametrize(
    ("content_type", "body", "code", "told"),
    [
        (CSV, "0.5,a\r0.7,b", "response-not-csv", "no CSV: new-line character"),
        (CSV, f"0.5,{'a' * 200_000}", "response-not-csv", "no CSV: field larger than"),
        (JSON, "[" * 100_000, "response-not-json", "no JSON: maximum recursion depth"),
        (JSON, f'{{"score": 1{"0" * 400}, "label": "a"}}', "output-not-finite", "score inf"),
    ],
)
def test_an_answer_that_no_reader_takes_is_told(
    content_type: str, body: str, code: str, told: str
) -> None:
    payload = Payload("a.csv", b"1", CSV, content_type)

    with pytest.raises(ResponseError) as error:
        check_response(body.encode(), content_type, payload, VARIABLES)

    assert error.value.code == code
    assert told in str(error.value)


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_damaged_data_of_an_archive_is_told(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    rows = "".join(f"{number},{number * number % 977}\n" for number in range(20_000)).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("payload_text_csv_0.csv")
        member.size = len(rows)
        archive.addfile(member, io.BytesIO(rows))
    content = bytearray(compress(packed.getvalue()))
    path = tmp_path / "payload.tar.gz"
    middle = len(content) // 2
    for place in range(middle, middle + 64):
        content[place] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(JobError, match="no payload archive"):
        read_files(path)
