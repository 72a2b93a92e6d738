from __future__ import annotations

import pytest

from local.runner.language.errors import ParameterError
from local.runner.language.parameters import Parameter, ParameterType, Scalar, bind_parameters

DECLARED = (
    Parameter("Uri", ParameterType.STRING),
    Parameter("Count", ParameterType.INTEGER, default=2),
    Parameter("Rate", ParameterType.FLOAT, default=0.5),
    Parameter("Debug", ParameterType.BOOLEAN, default=False),
    Parameter("Status", ParameterType.STRING, "Pending", enum_values=("Pending", "Approved")),
)


def test_defaults_fill_what_is_not_given() -> None:
    assert bind_parameters(DECLARED, {"Uri": "s3://b/k"}) == {
        "Uri": "s3://b/k",
        "Count": 2,
        "Rate": 0.5,
        "Debug": False,
        "Status": "Pending",
    }


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("Count", "-7", -7),
        ("Rate", "1e-3", 0.001),
        ("Debug", "TRUE", True),
        ("Debug", "false", False),
        ("Status", "Approved", "Approved"),
        ("Uri", "7", "7"),
    ],
)
def test_texts_become_values_of_the_declared_type(name: str, text: str, expected: Scalar) -> None:
    values = bind_parameters(DECLARED, {"Uri": "u", name: text})

    assert values[name] == expected
    assert type(values[name]) is type(expected)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("Count", "2.5", "'Count' is '2.5', not a value of type Integer"),
        ("Rate", "fast", "'Rate' is 'fast', not a value of type Float"),
        ("Debug", "yes", "'Debug' is 'yes', not a value of type Boolean"),
        ("Status", "Rejected", "'Status' is 'Rejected', allowed: Pending, Approved"),
        ("Uri2", "x", r"'Uri2' is not a parameter .* \(it has: Uri, Count, Rate, Debug, Status\)"),
    ],
)
def test_a_wrong_parameter_is_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        bind_parameters(DECLARED, {"Uri": "u", name: text})


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ParameterError) as error:
        bind_parameters(DECLARED, {"Count": "many", "Other": "x"})

    for part in ("'Uri' has no default and must be given", "'Count' is 'many'", "'Other' is not"):
        assert part in str(error.value)
