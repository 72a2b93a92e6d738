"""The rule packs that judge what the app synthesizes."""

from __future__ import annotations

from aws_cdk import App, Validations

from constructs_lib.infrastructure.iam.acknowledgements import tell_acknowledgements


def add_rule_packs(app: App) -> None:
    """Judge what an app synthesizes by the rules of AWS Solutions and of NIST 800-53."""
    # Here, as Node loads them for seconds: both processes of tests collect, one synthesizes.
    from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks

    tell_acknowledgements(app)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), NIST80053R5Checks(app))
