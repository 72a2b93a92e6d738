"""Sample requests of the user's own: what is read of a folder, and what is refused of it."""

from __future__ import annotations

import codecs
import io
import json
import os
import tarfile
from typing import Any

import pytest

from constructs_lib.compilation.parent import cache_key
from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import compile_pipeline, registration_requests
from constructs_lib.registration.file import read_registration_file, registration_file
from constructs_lib.release.archives import ArchiveError
from constructs_lib.release.payloads import (
    sample_payloads,
    shipped_payload,
    shipped_registration_file,
)
from constructs_lib.release.samples.errors import SampleRequestError
from constructs_lib.release.samples.requests import own_samples, samples_digest
from constructs_lib.serving import serving_profile
from tests.example_pipeline import CONFIG
from tests.payloads.conftest import RECORD, ROW, SCORE, Content, WithSamples

TYPES = {
    "a.csv": "text/csv",
    "a.JSON": "application/json",
    "a.jsonl": "application/jsonlines",
    "a.txt": "text/plain",
    "a.npy": "application/x-npy",
    "a.jpg": "image/jpeg",
    "a.jpeg": "image/jpeg",
    "a.png": "image/png",
}


def types(configs: PipelineConfigs) -> dict[str, str]:
    samples = own_samples(configs)
    assert samples is not None
    return {each.name: each.content_type for each in samples.requests}


def test_the_extension_tells_the_content_type(with_samples: WithSamples) -> None:
    assert types(with_samples(dict.fromkeys(TYPES, "1"))) == TYPES


def test_the_manifest_tells_other_content_types(with_samples: WithSamples) -> None:
    told = {".fasta": "text/x-fasta", "b.bin": "application/octet-stream; v=1", ".csv": "text/tsv"}

    configs = with_samples(
        {"a.fasta": ">x", "b.bin": b"\xff", "c.csv": "1", "manifest.json": {"content_types": told}}
    )

    assert types(configs) == {
        "a.fasta": "text/x-fasta",
        "b.bin": "application/octet-stream; v=1",
        "c.csv": "text/tsv",
    }


def test_hidden_files_are_no_requests(with_samples: WithSamples) -> None:
    assert types(with_samples({"a.csv": "1", ".DS_Store": "x", ".b.csv": ""})) == {
        "a.csv": "text/csv"
    }


def test_they_travel_in_the_sample_payload_beside_the_generated_ones(
    with_samples: WithSamples,
) -> None:
    configs = with_samples(
        {
            "a.json": [RECORD],
            "a.expected.json": [{"legacy-score": 1}],
            "b.txt": b"\xff",
            "manifest.json": {},
        }
    )

    with tarfile.open(fileobj=io.BytesIO(shipped_payload(configs)), mode="r:gz") as tar:
        members = {
            member.name: reader.read() for member in tar if (reader := tar.extractfile(member))
        }

    assert members == {
        **sample_payloads(configs.payload),
        "a.json": json.dumps([RECORD]).encode(),
        "b.txt": b"\xff",
    }


def test_what_is_expected_travels_in_the_registration_file(with_samples: WithSamples) -> None:
    configs = with_samples(
        {
            "a.csv": ROW * 2,
            "a.expected.json": {"predictions": [{"legacy-score": "0.5"}, {"legacy-score": 1}]},
            "b.json": RECORD,
            "b.expected.csv": "0.25\n",
            "c.json": {"orders": [{}, {}]},
            "manifest.json": {"tolerances": {"legacy-score": {"absolute": 0.01}}},
        }
    )
    requests = registration_requests(configs)

    content = shipped_registration_file(configs, requests.values())

    assert read_registration_file(content) == requests
    assert json.loads(content)["sample_requests"] == {
        "requests": [
            {
                "name": "a.csv",
                "content_type": "text/csv",
                "expected": [{"legacy-score": 0.5}, {"legacy-score": 1.0}],
            },
            {
                "name": "b.json",
                "content_type": "application/json",
                "expected": [{"legacy-score": 0.25}],
            },
            {"name": "c.json", "content_type": "application/json", "expected": None},
        ],
        "tolerances": {"legacy-score": {"absolute": 0.01, "relative": 1e-5}},
    }


def test_without_a_folder_nothing_is_added() -> None:
    configs = PipelineConfigs.load(CONFIG)
    requests = registration_requests(configs).values()

    assert own_samples(configs) is None
    serving = serving_profile(configs.model).facts()
    expected = registration_file(requests, serving=serving)
    assert shipped_registration_file(configs, requests) == expected


def test_a_byte_order_mark_before_what_is_not_sent_is_left_out(with_samples: WithSamples) -> None:
    manifest = codecs.BOM_UTF8 + b'{"tolerances": {"legacy-score": {"absolute": 0.5}}}'
    answer = codecs.BOM_UTF8 + b'{"legacy-score": 1}'

    own = own_samples(
        with_samples({"a.csv": ROW, "a.expected.json": answer, "manifest.json": manifest})
    )

    assert own is not None
    assert [request.expected for request in own.requests] == [[{"legacy-score": 1}]]


def test_a_changed_request_or_answer_makes_another_pipeline(with_samples: WithSamples) -> None:
    keys, bodies = [], []
    for files in ({"a.csv": "1"}, {"a.csv": "2"}, {"a.expected.csv": "1"}, {"a.expected.csv": "2"}):
        configs = with_samples(files)
        keys.append(cache_key(configs, "us-east-1"))
        bodies.append(compile_pipeline(configs).body)

    assert len(set(keys)) == len(set(bodies)) == 4


ROWS = {"a.csv": ROW * 2}
TEXT_OUTPUT = {"source_model_inference_output_variable_list": {"score": "NUMERIC", "label": "TEXT"}}

PROBLEMS: dict[str, tuple[dict[str, Content], str]] = {
    "no JSON": ({"a.json": "{'a': 1}"}, "a.json: is not JSON: line 1, column 2: Expecting"),
    "no JSON lines": (
        {"a.jsonl": '{"a": 1}\n\n{"a": \n'},
        "a.jsonl: line 3 is not JSON: column 7: Expecting value",
    ),
    "too deep": ({"a.json": "[" * 200_000 + "]" * 200_000}, "a.json: is nested too deeply"),
    "no CSV": ({"a.csv": '"a"b\n'}, "a.csv: is not CSV: "),
    "no UTF-8": ({"a.json": b'{"a": "\xe9"}'}, "a.json: is not UTF-8 text (at byte 7): save it"),
    "a byte order mark": (
        {"a.csv": b"\xef\xbb\xbf1,2\n"},
        "a.csv: begins with a byte order mark, which would be sent as part of the request",
    ),
    "more digits than are read": (
        {"a.json": "9" * 5000},
        "a.json: holds a whole number of 5,000 digits; read are numbers of up to 4,300",
    ),
    "more digits than are read in the manifest": (
        {"a.csv": ROW, "manifest.json": f'{{"tolerances": {{"x": {{"absolute": {"9" * 5000}}}}}}}'},
        "manifest.json: holds a whole number of 5,000 digits; read are numbers of up to 4,300",
    ),
    "empty": ({"a.txt": " \n"}, "a.txt: is empty: put a request into it, or remove it"),
    "too large": (
        {"a.txt": b"x" * (6 * 1024 * 1024 + 1)},
        "a.txt: has 6.00 MB; at most 6.00 MB are taken: make it smaller, or raise max_payload_size",
    ),
    "an expected answer too large": (
        {"a.csv": ROW, "a.expected.csv": "1\n" * 60_000},
        "a.expected.csv: has 117 KB; at most 100 KB are taken: leave out what is not compared",
    ),
    "unknown": (
        {"a.csv": "1", "README.md": "x"},
        "README.md: its content type is not known; known extensions: .csv, .jpeg, .jpg, .json,"
        ' .jsonl, .npy, .png, .txt. Name it in manifest.json: {"content_types": {".md":',
    ),
    "a folder": ({"more/a.csv": "1"}, "more/a.csv: is in a folder of its own: put it beside"),
    "a name for a terminal": (
        {"a\x1b[2J.csv": "1"},
        r'"a\u001b[2J.csv": the name has to be of up to 100 letters, digits',
    ),
    "a generated name": (
        {"payload_text_csv_0.csv": "1"},
        "payload_text_csv_0.csv: generated requests have names that begin with payload_: rename it",
    ),
    "no request": ({"manifest.json": {}}, "holds no request: put one into it, such as first.csv"),
    "too many": (
        {f"{number}.txt": "a" for number in range(51)},
        "holds 51 requests; at most 50 are taken",
    ),
    "an answer without request": (
        {"batch.csv": ROW, "bach.expected.json": [{"legacy-score": 1}]},
        "bach.expected.json: there is no request bach.*, whose answer this could be: add it, or"
        ' rename this file to NAME.expected.json; did you mean "batch"?',
    ),
    "two answers": (
        {"a.csv": ROW, "a.expected.csv": "1", "a.expected.json": [[1]]},
        "a.expected.json: is a second expected answer beside a.expected.csv: remove one of them",
    ),
    "an answer of another kind": (
        {"a.csv": ROW, "a.expected.txt": "1"},
        "a.expected.txt: an expected answer is a file in .json or .csv, whatever its request is",
    ),
    "no JSON in the answer": (
        {**ROWS, "a.expected.json": "1]"},
        "a.expected.json: is not JSON: line 1, column 2: Extra data",
    ),
    "no CSV in the answer": (
        {**ROWS, "a.expected.csv": "1\r2"},
        "a.expected.csv: is not CSV: new-line character seen in unquoted field",
    ),
    "no record in the answer": (
        {**ROWS, "a.expected.json": []},
        "a.expected.json: holds no record: give the values of output variables, one object or row",
    ),
    "no record but a number": (
        {**ROWS, "a.expected.json": "0.5"},
        "a.expected.json: record 1 is 0.5: give the values of output variables",
    ),
    "another count": (
        {**ROWS, "a.expected.csv": "1\n"},
        "a.csv: has 2 records, its expected answer a.expected.csv has 1: give one record per",
    ),
    "another variable": (
        {"a.csv": ROW, "a.expected.json": {"legacy_score": 1}},
        'a.expected.json: record 1 names "legacy_score", which is no output variable; declared are:'
        ' legacy-score; did you mean "legacy-score"?',
    ),
    "another number of values": (
        {"a.csv": ROW, "a.expected.csv": "1,2"},
        "a.expected.csv: record 1 has 2 values; the model's outputs are legacy-score",
    ),
    "no number": (
        {**ROWS, "a.expected.json": [[1], ["high"]]},
        'a.expected.json: legacy-score of record 2 is "high"; needed is a finite number',
    ),
    "a value twice": (
        {"a.csv": ROW, "a.expected.json": '[{"legacy-score": 1, "legacy-score": 2}]'},
        'a.expected.json: $[0]["legacy-score"]: is there more than once: keep one of them',
    ),
    "tolerances twice": (
        {"a.csv": ROW, "manifest.json": '{"tolerances": {"legacy-score": {}}, "tolerances": {}}'},
        "manifest.json: $.tolerances: is there more than once: keep one of them",
    ),
    "no finite number": (
        {"a.csv": ROW, "a.expected.json": '[{"legacy-score": NaN}]'},
        'a.expected.json: $[0]["legacy-score"]: must be a finite number (got NaN)',
    ),
    "true": (
        {"a.csv": ROW, "a.expected.json": [{"legacy-score": True}]},
        "a.expected.json: legacy-score of record 1 is true; needed is a finite number",
    ),
    "a broken manifest": (
        {"a.csv": ROW, "manifest.json": "{"},
        "manifest.json: is not JSON: line 1, column 2: Expecting property name",
    ),
    "an unknown member": (
        {"a.csv": ROW, "manifest.json": {"content_type": {}}},
        "manifest.json: content_type: is unknown; known are: content_types, tolerances; did you"
        ' mean "content_types"?',
    ),
    "no content type": (
        {"a.npy": "1", "manifest.json": {"content_types": {".npy": "npy"}}},
        'manifest.json: content_types..npy: must be a content type such as "application/x-npy"',
    ),
    "a content type of no file": (
        {"first.csv": "1", "manifest.json": {"content_types": {"frist.csv": "a/b"}}},
        "manifest.json: content_types.frist.csv: no request has that extension or name; did you"
        ' mean "first.csv"?',
    ),
    "a tolerance that is text": (
        {"a.csv": ROW, "manifest.json": {"tolerances": {"legacy-score": {"relative": "x"}}}},
        "manifest.json: tolerances.legacy-score.relative: should be a number",
    ),
    "a negative tolerance": (
        {"a.csv": ROW, "manifest.json": {"tolerances": {"legacy-score": {"relative": -1}}}},
        "manifest.json: tolerances.legacy-score.relative: should be greater than or equal to 0",
    ),
    "an unknown tolerance": (
        {"a.csv": ROW, "manifest.json": {"tolerances": {"legacy-score": {"atol": 1}}}},
        "manifest.json: tolerances.legacy-score.atol: is unknown; known are: absolute, relative",
    ),
    "a tolerance of no output": (
        {"a.csv": ROW, "manifest.json": {"tolerances": {"score": {}}}},
        "manifest.json: tolerances.score: is no NUMERIC output; there are: legacy-score",
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_cannot_be_used_is_told_with_its_fix(with_samples: WithSamples, name: str) -> None:
    files, message = PROBLEMS[name]
    configs = with_samples(files)

    with pytest.raises(SampleRequestError) as error:
        own_samples(configs)

    head, problem = str(error.value).split("\n")
    assert head.endswith("/pipeline/samples: 1 problem")
    assert message in problem


def test_everything_that_is_wrong_is_told_at_once(with_samples: WithSamples) -> None:
    configs = with_samples({"a.json": "{", "b.csv": "", "c.expected.json": "1"})

    with pytest.raises(SampleRequestError, match=": 3 problems\n") as error:
        compile_pipeline(configs)

    assert [line.split(":")[0].strip() for line in str(error.value).split("\n")[1:]] == [
        "c.expected.json",
        "a.json",
        "b.csv",
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (b"a\xff.csv", r'"a\udcff.csv": the name has to be of'),
        (b"a\n.csv", r'"a\n.csv": the name has to be of'),
        (b"a\x1b[2J.expected.csv", r'"a\u001b[2J.expected.csv": there is no request'),
    ],
)
def test_names_that_no_terminal_can_show_are_told_in_escapes(
    name: bytes, told: str, with_samples: WithSamples
) -> None:
    configs = with_samples({"b.csv": ROW, os.fsdecode(name): ROW})

    with pytest.raises(SampleRequestError) as error:
        compile_pipeline(configs)

    (problem,) = str(error.value).split("\n")[1:]
    assert told in problem
    assert isinstance(samples_digest(configs.payload), str)


def test_a_text_output_is_expected_as_text(with_samples: WithSamples) -> None:
    configs = with_samples({"a.csv": ROW, "a.expected.json": {"label": 1}}, **TEXT_OUTPUT)

    with pytest.raises(SampleRequestError, match="label of record 1 is 1; it is declared TEXT"):
        own_samples(configs)


def test_a_larger_request_is_taken_where_the_server_takes_it(with_samples: WithSamples) -> None:
    configs = with_samples({"a.txt": b"x" * 7_000_000})
    model = configs.model.model_copy()
    model.max_payload_size = 7  # type: ignore[misc]

    samples = own_samples(PipelineConfigs(**{**vars(configs), "model": model}))

    assert samples is not None
    assert len(samples.requests[0].body) == 7_000_000


def test_a_link_out_of_the_folder_is_refused(with_samples: WithSamples) -> None:
    configs = with_samples({"a.csv": "1"})
    folder = configs.payload.get_sample_requests_dir()
    assert folder is not None
    (folder / "b.csv").symlink_to(CONFIG)

    with pytest.raises(ArchiveError, match="is a link out of"):
        own_samples(configs)


def test_a_score_may_be_expected_of_some_outputs_only(with_samples: WithSamples) -> None:
    files: dict[str, Any] = {"a.csv": ROW, "a.expected.json": [{"score": SCORE}]}

    samples = own_samples(with_samples(files, **TEXT_OUTPUT))

    assert samples is not None
    assert samples.requests[0].expected == [{"score": SCORE}]
    assert list(samples.tolerances) == ["score"]
