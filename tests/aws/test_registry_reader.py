"""Where a deployed definition registers."""

from __future__ import annotations

from typing import Any

from constructs_lib.aws.registry import RegistrationPlace, registration_places


def _step(name: str, kind: str, **arguments: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": arguments}


def test_only_steps_that_register_are_places_those_behind_conditions_too() -> None:
    elsewhere = {"aws_region": "eu-west-1", "model_package_group_name": "group"}
    registers = _step("Registration-EU", "Lambda", action="register", **elsewhere)
    definition = {
        "Steps": [
            _step("Stage-EU", "Lambda", action="stage", **elsewhere),
            _step("Gate", "Condition", IfSteps=[registers]),
            _step("Registration-NA", "RegisterModel", ModelPackageGroupName="home"),
            {"Name": "LoadTest", "Type": "Lambda"},
        ]
    }

    assert list(registration_places(definition, "us-east-1")) == [
        RegistrationPlace("Registration-EU", "eu-west-1", "group"),
        RegistrationPlace("Registration-NA", "us-east-1", "home"),
    ]
