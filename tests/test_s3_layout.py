"""Where everything lies in the buckets, and what must agree with it because it stands alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from constructs_lib import s3_layout
from constructs_lib.infrastructure.iam.arns import objects_in
from constructs_lib.jobs.notify import _evaluation
from constructs_lib.jobs.register_model import Staging
from constructs_lib.jobs.register_model.objects import S3Object
from constructs_lib.language.step_calls import StepCalls
from constructs_lib.s3_layout import WRITTEN_ONCE
from local.runner.jobs.storage import S3Location
from tests.example_pipeline import ROOT
from tests.house import layers

_DIGEST = "0123456789abcdef"


def test_no_key_moves() -> None:
    # Deployed buckets, roles and lifecycle rules hold these.
    assert s3_layout.incoming_key("p", _DIGEST, "m.tar.gz") == f"incoming/p/{_DIGEST}-m.tar.gz"
    assert s3_layout.temporary_prefix("p") == "tmp/p"
    assert s3_layout.registered_prefixes("p") == ("p/registration", "p/releases")
    assert s3_layout.registration_files_prefix("p", _DIGEST) == f"p/registration/{_DIGEST}"
    assert s3_layout.claims_prefix("p") == "p/releases/claims"
    assert s3_layout.records_prefix("p") == "p/releases/registered"
    assert s3_layout.WRITTEN_ONCE == ("*/releases/*", "*/registration/*")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("s3://b/train", "s3://b/train/"),
        ("s3://b/train/", "s3://b/train/"),
        ("s3://b/returns-risk_1.0.0", "s3://b/returns-risk_1.0.0/"),
        ("s3://b/2026-11-01/data.csv", "s3://b/2026-11-01/data.csv"),
        ("s3://b/code.tar.gz", "s3://b/code.tar.gz"),
    ],
)
def test_a_folder_ends_in_a_slash_and_a_file_does_not(given: str, read: str) -> None:
    assert s3_layout.folder_uri(given) == read


_SPLITTERS: dict[str, Callable[[str], tuple[str, str]]] = {
    "app": s3_layout.bucket_and_key,
    "function": S3Object.from_uri,
    "runner": lambda uri: (S3Location.parse(uri).bucket, S3Location.parse(uri).key),
    "policies": lambda uri: _bucket_and_key_of(objects_in(uri).removesuffix("/*")),
    "definition": lambda uri: _bucket_and_key_of(_objects_read_by_a_model(uri)),
    "notification": lambda uri: _bucket_and_key_of(_page_in_the_console(uri)),
}


@pytest.mark.parametrize("key", ["what?/model.tar.gz", "a#b/c?d=e&f", "a%23b", "a b", "s3:b/c"])
@pytest.mark.parametrize("splitter", _SPLITTERS)
def test_a_key_is_everything_behind_the_bucket(splitter: str, key: str) -> None:
    assert _SPLITTERS[splitter](f"s3://bucket/{key}") == ("bucket", key)


def _bucket_and_key_of(text: str) -> tuple[str, str]:
    bucket, _, key = text.partition("/")
    return bucket, key


def _objects_read_by_a_model(uri: str) -> str:
    arguments = {"PrimaryContainer": {"ModelDataUrl": uri, "Image": "1.dkr.ecr.r.amazonaws.com/i"}}
    calls = StepCalls(
        step_type="Model", name="n", arguments=arguments, region="r", account="1", role_arn="role"
    ).calls()
    (read,) = [call.resource for call in calls if call.action == "s3:GetObject"]
    return read.rpartition(":::")[2]


def _page_in_the_console(uri: str) -> str:
    quality = {"ModelQuality": {"Statistics": {"S3Uri": uri}}}
    page = urlsplit(_evaluation({"ModelMetrics": quality}, "us-east-1")[-1].strip())
    return f"{page.path.rpartition('/')[2]}/{parse_qs(page.query)['prefix'][0]}"


_URLS = {
    "commands.terminal.aws",
    "local.emulator.authorization.credentials",
    "local.emulator.cloudformation.service",
    "local.emulator.gate",
    "local.runner.aws",
    "local.runner.watch",
}
"""Modules that split URLs: of endpoints, of requests, and of templates."""


def test_nothing_splits_an_s3_uri_as_a_url() -> None:
    splitting = {
        name
        for name, path in layers.modules().items()
        if re.search(r"\burl(split|parse)\b(?!\.)", path.read_text())
    }

    assert splitting == _URLS


def test_the_function_that_registers_claims_content_below_the_claims() -> None:
    written = f"s3://artifacts/{s3_layout.temporary_prefix('p')}/5fkszcpry4ck/Package"
    step = Staging(
        region_code="NA",
        aws_region="us-east-1",
        model_package_group_name="group",
        pipeline_execution_arn="arn",
        artifact_sha256=_DIGEST,
        code_sha256=_DIGEST,
        register_again="no",
        release_folder=f"s3://artifacts/{s3_layout.releases_prefix('p')}/5fkszcpry4ck",
        destination_bucket="artifacts",
        kms_key_id="key",
        model_artifact_uri=f"{written}/{s3_layout.MODEL}",
        packaging_manifest_uri=f"{written}/{s3_layout.MANIFEST}",
        registration_request_uri=f"{written}/{s3_layout.REGISTRATION_REQUEST}",
        sample_payload_uri=f"{written}/{s3_layout.SAMPLE_PAYLOAD}",
        registration_folder=s3_layout.registration_files_prefix("p", _DIGEST),
        verification="off",
    )

    assert step.claims.key == f"{s3_layout.claims_prefix('p')}/group/{_DIGEST}"
    assert step.records.key == f"{s3_layout.records_prefix('p')}/group/us-east-1"
    released = {name: copy.destination.key for name, copy in step.files().items()}
    assert released["model_artifact_uri"] == "p/releases/5fkszcpry4ck/model.tar.gz"
    assert released["sample_payload_uri"] == f"p/registration/{_DIGEST}/payload.tar.gz"
    assert all(any(fnmatch(key, each) for each in WRITTEN_ONCE) for key in released.values())


def test_a_definition_puts_everything_where_the_layout_says() -> None:
    text = (ROOT / "tests" / "synth" / "golden" / "several_regions.json").read_text()
    parameters = {each["Name"]: each for each in json.loads(text)["Parameters"]}
    temporary = parameters["PIPELINE_EXECUTION_TEMP_DIR"]["DefaultValue"]
    bucket, pipeline = "s3://${ArtifactBucketName}", temporary.rpartition("/")[2]

    assert temporary == f"{bucket}/{s3_layout.temporary_prefix(pipeline)}"
    assert f'"{bucket}/{s3_layout.releases_prefix(pipeline)}"' in text
    assert f'"{s3_layout.registration_prefix(pipeline)}/' in text


@pytest.mark.parametrize("golden", sorted((ROOT / "tests/synth/golden").glob("*.json")))
def test_nothing_that_the_app_uploads_or_its_jobs_write_is_written_once(golden: Path) -> None:
    outputs = [
        "/".join(each if isinstance(each, str) else "tmp" for each in values)
        for values in _joined(json.loads(golden.read_text())["Steps"])
        if {"Get": "Parameters.PIPELINE_EXECUTION_TEMP_DIR"} in values
    ]
    uploads = [s3_layout.incoming_key("p", _DIGEST, name) for name in ("releases", s3_layout.MODEL)]

    assert outputs
    written = [f"{folder}/file" for folder in outputs]
    assert not [key for key in (*written, *uploads) for each in WRITTEN_ONCE if fnmatch(key, each)]


def _joined(node: Any) -> Iterator[list[Any]]:
    """Find what is joined, wherever in a definition."""
    if isinstance(node, list):
        for item in node:
            yield from _joined(item)
    if isinstance(node, dict):
        if "Std:Join" in node:
            yield node["Std:Join"]["Values"]
        for item in node.values():
            yield from _joined(item)
