from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.settings import Settings, SettingsError, read_context


def _settings(given: Any) -> Settings:
    return Settings.from_context(lambda key: {"model-release": given}.get(key))


def test_without_context_the_defaults_hold() -> None:
    assert Settings.from_context(lambda _: None).home_region == "us-east-1"


def test_settings_may_come_as_text_from_the_command_line() -> None:
    assert _settings('{"app_name": "staging"}').app_name == "staging"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{", "'model-release' is not JSON: line 1, column 2"),
        ('{"a": ' + "9" * 5000 + "}", "'model-release' holds a whole number of 5,000 digits"),
        ([1], "is an object of settings"),
        ({"app_nam": "x"}, 'app_nam: is not known here; did you mean "app_name"\\?'),
        ({"app_nam": "x"}, "Allowed settings: app_name"),
        ({"account": 123456789012}, "account: should be text, in quotes"),
        ({"retain_data": "maybe"}, "retain_data: should be true or false"),
        ({"notifications": "x"}, "notifications: should be an object"),
        ({"existing_vpc": {}}, "existing_vpc.vpc_id: is required\n"),
        (
            {"pipelines": {"a": {"start_on_uploads": True}}},
            'start_on_uploads: is not known here; did you mean "start_on_upload"\\?',
        ),
        (
            {"notifications": {"email": ["a@b.de"]}},
            'notifications.email: is not known here; did you mean "emails"\\?',
        ),
        ({"delivery": {"repository": "a/b"}}, "wrong:\n  delivery is for an environment"),
        (
            {"app_name": "Has Spaces"},
            'app_name: must be 2 to 20 lower-case letters.*got "Has Spaces"',
        ),
        ({"account": "12"}, "account: "),
        ({"home_region": "eu-cental-1"}, 'eu-central-1; did you mean "eu-central-1"\\?'),
        ({"home_region": "EU"}, 'takes the AWS region, not its name: use "eu-west-1"'),
        ({"home_region": "us-gov-west-1"}, "partition aws-us-gov: .* nobody could try it"),
        ({"home_region": "cn-north-1"}, "partition aws-cn: .* nobody could try it"),
        ({"home_region": "ap-southeast-7"}, "has no container of scikit-learn"),
        ({"regions": {"NA": "us-east-2"}}, "cannot give NA .*every app calls us-east-1 so"),
        ({"regions": {"US": "us-east-1"}}, "names us-east-1 US, which is called NA already"),
        (
            {"regions": {"AP": "ap-south-1", "IN": "ap-south-1"}},
            "names ap-south-1 IN, which is called AP already",
        ),
        ({"regions": {"AP": "ap-south-9"}}, 'names "ap-south-9" AP, which is no AWS region'),
        ({"regions": {"ap": "ap-south-1"}}, "1 to 20 capital letters and digits"),
        ({"regions": {"A" * 21: "ap-south-1"}}, "1 to 20 capital letters and digits"),
        ({"interface_endpoints": ["sts", "sts"]}, "names a service twice"),
        ({"notifications": {"emails": ["a@b.de", "a@b.de"]}}, "names an address twice"),
        ({"interface_endpoints": ["no such"]}, "interface_endpoints.0: "),
        ({"availability_zones": ["us-east-1a"]}, "names 1 zones; the VPC has two different ones"),
        ({"availability_zones": ["us-east-1a"] * 2}, "the VPC has two different ones"),
        ({"availability_zones": ["eu-west-1a", "eu-west-1b"]}, "another region than home_region"),
        ({"availability_zones": ["use1-az1", "use1-az2"]}, "availability_zones.0: "),
        (
            {
                "existing_vpc": {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1"]},
                "availability_zones": ["us-east-1a", "us-east-1b"],
            },
            "those of the app's own VPC",
        ),
        (
            {
                "existing_vpc": {
                    "vpc_id": "vpc-1",
                    "subnet_ids": ["subnet-1"],
                    "subnet_cidrs": ["10.1.0.1/24"],
                }
            },
            "is no IPv4 CIDR range",
        ),
        ({"log_retention_days": 5}, "log_retention_days: "),
        ({"additional_key_arns": ["alias/x"]}, "additional_key_arns.0: "),
        (
            {"additional_key_arns": ["arn:aws:kms:us-east-1:111122223333:key/mrk-"]},
            "additional_key_arns.0: ",
        ),
        ({"existing_vpc": {"vpc_id": "vpc-1", "subnet_ids": ["foo"]}}, "subnet_ids.0: "),
        (
            {"existing_vpc": {"vpc_id": "vpc-1", "subnet_ids": [f"subnet-{n}" for n in range(17)]}},
            "at most 16",
        ),
        (
            {
                "existing_vpc": {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1"]},
                "interface_endpoints": ["sts"],
            },
            "in the app's own VPC only",
        ),
    ],
)
def test_wrong_settings_are_named_with_what_is_allowed(given: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        _settings(given)


def test_the_settings_there_are_are_listed_where_a_name_is_unknown_only() -> None:
    with pytest.raises(SettingsError) as of_a_value:
        _settings({"log_retention_days": 5})
    with pytest.raises(SettingsError) as of_a_name:
        _settings({"environmets": {}})
    with pytest.raises(SettingsError) as of_a_section:
        _settings({"notifications": {"mail": []}})

    assert "Allowed" not in str(of_a_value.value)
    assert 'did you mean "environments"?' in str(of_a_name.value)
    assert str(of_a_name.value).endswith("delivery, environments.")
    assert "Allowed settings in notifications: emails" in str(of_a_section.value)


def test_a_wrong_setting_of_an_environment_is_told_when_none_is_chosen() -> None:
    of_dev = {"account": "111122223333", "retain_dat": True}

    with pytest.raises(SettingsError, match=r"environments\.dev in cdk.json") as error:
        _settings({"environments": {"dev": of_dev}})

    assert 'retain_dat: is not known here; did you mean "retain_data"?' in str(error.value)


def test_every_wrong_setting_is_reported_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        _settings({"account": "12", "app_name": "X"})

    assert "account" in str(error.value)
    assert "app_name" in str(error.value)


def test_multi_region_keys_are_keys() -> None:
    arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"

    assert _settings({"additional_key_arns": [arn]}).additional_key_arns == (arn,)


def test_a_byte_order_mark_is_read_over_as_the_cdk_does(tmp_path: Path) -> None:
    file = tmp_path / "cdk.json"
    file.write_text('{"context": {"environment": "dev"}}', encoding="utf-8-sig")

    assert read_context(file) == {"environment": "dev"}


def test_a_name_that_is_given_twice_is_told(tmp_path: Path) -> None:
    settings = '{"app_name": "a", "home_region": "eu-west-1", "home_region": "us-west-2"}'
    file = tmp_path / "cdk.json"
    file.write_text('{"context": {"model-release": ' + settings + "}}")

    with pytest.raises(SettingsError, match='names "home_region" more than once'):
        read_context(file)
    with pytest.raises(SettingsError, match='names "home_region" more than once'):
        _settings(settings)


@pytest.mark.parametrize("wrong", [[], "text", 7, {"of": "another kind"}, None])
@pytest.mark.parametrize("name", Settings.model_fields)
def test_what_is_wrong_is_said_without_words_of_python(name: str, wrong: Any) -> None:
    try:
        _settings({name: wrong})
    except SettingsError as error:
        told = str(error).partition("Allowed settings")[0]
        assert name in told
        assert not re.search("Input|valid|dictionary|tuple|class|Extra|String|Value", told)
