"""Who gets past the gate: no web page, nobody without the key, no role into the house."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws
from local.runner import EmulatedAws


def _send(url: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def test_the_form_of_a_web_page_replaces_no_asset(aws: EmbeddedAws, bucket: str) -> None:
    s3 = aws.client("s3")
    s3.put_object(Bucket=bucket, Key="script.py", Body=b"mine")
    boundary = "--x\r\nContent-Disposition: form-data; name="
    form = f'{boundary}"key"\r\n\r\nscript.py\r\n{boundary}"file"\r\n\r\ntheirs\r\n--x--\r\n'

    status, headers, body = _send(
        f"{aws.endpoint_url}/{bucket}",
        form.encode(),
        **{"Content-Type": "multipart/form-data; boundary=x", "Origin": "https://example.com"},
    )

    assert status == 403
    assert b"https://example.com" in body
    assert not [name for name in headers if name.lower().startswith("access-control")]
    assert s3.get_object(Bucket=bucket, Key="script.py")["Body"].read() == b"mine"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "example.com"},
        {"Host": "localhost:1"},
    ],
    ids=str,
)
def test_what_another_site_asks_for_is_refused_though_it_is_signed(
    aws: EmbeddedAws, bucket: str, headers: dict[str, str]
) -> None:
    aws.client("s3").put_object(Bucket=bucket, Key="key", Body=b"mine")
    url = aws.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "key"}
    )

    assert _send(url)[::2] == (200, b"mine")
    assert _send(url, None, **headers)[0] == 403


def test_no_answer_allows_other_sites_to_read_it(aws: EmbeddedAws, bucket: str) -> None:
    s3 = aws.client("s3")
    cors = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [cors]})
    s3.put_object(Bucket=bucket, Key="key", Body=b"mine")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "key"})

    headers = _send(url, Origin=aws.endpoint_url)[1]

    assert not [name for name in headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", ["", "bucket/key", "moto-api/data.json", "embedded/sessions"])
def test_nothing_is_answered_that_nobody_signed(aws: EmbeddedAws, path: str) -> None:
    for body in (None, b"{}"):
        status, _, answer = _send(f"{aws.endpoint_url}/{path}", body)
        assert (status, b"MissingAuthenticationToken" in answer) == (403, True)


_UNKNOWN = {
    "ec2": ("describe_vpcs", "AuthFailure"),
    "iam": ("list_roles", "InvalidClientTokenId"),
    "lambda": ("list_functions", "UnrecognizedClientException"),
    "s3": ("list_buckets", "InvalidAccessKeyId"),
    "sagemaker": ("list_models", "UnrecognizedClientException"),
    "sts": ("get_caller_identity", "InvalidClientTokenId"),
}


def _client(aws: EmbeddedAws, service: str, key: str, secret: str) -> Any:
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.mark.parametrize("service", _UNKNOWN)
def test_an_unknown_key_is_refused_as_the_service_does(aws: EmbeddedAws, service: str) -> None:
    operation, code = _UNKNOWN[service]

    with pytest.raises(ClientError) as error:
        getattr(_client(aws, service, "AKIAIOSFODNN7EXAMPLE", "secret"), operation)()

    assert error.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
        ("sagemaker", "list_models", "InvalidSignatureException"),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
    ],
)
def test_whoever_knows_the_key_but_not_its_secret_is_refused(
    aws: EmbeddedAws, service: str, operation: str, code: str
) -> None:
    with pytest.raises(ClientError) as error:
        getattr(_client(aws, service, aws.key.id, "guessed"), operation)()

    assert error.value.response["Error"]["Code"] == code


def test_a_presigned_url_is_good_for_what_was_signed_only(aws: EmbeddedAws, bucket: str) -> None:
    s3 = _client(aws, "s3", aws.key.id, aws.key.secret)
    s3.put_object(Bucket=bucket, Key="a ü", Body=b"a")
    s3.put_object(Bucket=bucket, Key="b", Body=b"b")
    config = Config(signature_version="s3v4")
    version_4 = boto3.client("s3", config=config, **_as(aws))
    for client in (s3, version_4):
        url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a ü"})

        assert _send(url)[::2] == (200, b"a")
        assert _send(url.replace("/a%20%C3%BC?", "/b?"))[0] == 403


def _as(aws: EmbeddedAws) -> dict[str, str]:
    return {
        "region_name": "us-east-1",
        "endpoint_url": aws.endpoint_url,
        "aws_access_key_id": aws.key.id,
        "aws_secret_access_key": aws.key.secret,
    }


def test_a_role_gets_no_sessions_of_other_roles_from_the_house(
    aws: EmbeddedAws, create_role: Callable[..., str]
) -> None:
    administrator = EmulatedAws.connect(aws.environment())
    trusted = create_role(trusts={"Service": "sagemaker.amazonaws.com"})
    session = administrator.as_role(trusted, name="job", source_arn="arn:aws:sagemaker:::job")
    alone = EmulatedAws(session.environment, session.region)

    assert not alone.end_execution("arn:aws:sagemaker:us-east-1:123456789012:pipeline/p", "Failed")
