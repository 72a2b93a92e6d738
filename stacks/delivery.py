"""What lets GitHub Actions compare and deploy the app, without a stored secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.infrastructure.iam.arns import ACCOUNT, PARTITION
from constructs_lib.infrastructure.iam.policies import Statement, grant
from constructs_lib.settings import Delivery, Settings

_ISSUER: Final = "token.actions.githubusercontent.com"
_AUDIENCE: Final = "sts.amazonaws.com"


class DeliveryStack(Stack):
    """Two roles that only one GitHub repository can assume, through OpenID Connect.

    Neither may do anything but assume the CDK's bootstrap roles: the one of pull requests the role
    that looks up, the one of deployments also those that publish files and deploy.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        delivery: Delivery,
        github_environment: str,
        regions: Sequence[str],
        **kwargs: Any,
    ) -> None:
        """Create the roles, and the identity provider unless the account has it.

        Args:
            scope: The app.
            construct_id: Stack name.
            settings: The app's settings.
            delivery: Which repository.
            github_environment: GitHub environment whose jobs may deploy.
            regions: AWS regions that the app is deployed to.
            kwargs: ``aws_cdk.Stack`` properties.
        """
        super().__init__(scope, construct_id, **kwargs)
        self._delivery = delivery
        self._app_name = settings.app_name
        self._regions = regions
        self._provider_arn = self._find_or_create_provider(delivery)
        self._create_role("Diff", "pull_request", ["lookup"])
        self._create_role(
            "Deploy", f"environment:{github_environment}", ["deploy", "file-publishing", "lookup"]
        )

    def _find_or_create_provider(self, delivery: Delivery) -> str:
        if delivery.existing_provider:
            return f"arn:{PARTITION}:iam::{ACCOUNT}:oidc-provider/{_ISSUER}"
        provider = iam.OidcProviderNative(
            self, "GitHub", url=f"https://{_ISSUER}", client_ids=[_AUDIENCE]
        )
        return provider.oidc_provider_arn

    def _create_role(self, name: str, subject: str, bootstrap_roles: Sequence[str]) -> None:
        role = iam.Role(
            self,
            f"{name}Role",
            role_name=f"{self._app_name}-github-{name.lower()}",
            description=f"GitHub Actions of {self._delivery.repository}, {subject}",
            max_session_duration=Duration.hours(1),
            assumed_by=self._jobs(subject),
        )
        grant(role, [self._assume(bootstrap_roles)], wildcards={})
        CfnOutput(
            self,
            f"{name}RoleArn",
            value=role.role_arn,
            description=f"Variable AWS_{name.upper()}_ROLE_ARN of the GitHub repository",
        )

    def _jobs(self, subject: str) -> iam.WebIdentityPrincipal:
        """Name the jobs of the repository's workflows with that subject."""
        claims = {
            f"{_ISSUER}:aud": _AUDIENCE,
            f"{_ISSUER}:sub": f"{self._delivery.subject}:{subject}",
        }
        return iam.WebIdentityPrincipal(self._provider_arn, {"StringEquals": claims})

    def _assume(self, bootstrap_roles: Sequence[str]) -> Statement:
        qualifier = self.synthesizer.bootstrap_qualifier
        return Statement(
            sid="AssumeBootstrapRoles",
            actions=["sts:AssumeRole"],
            resources=[
                f"arn:{PARTITION}:iam::{ACCOUNT}:role/"
                f"cdk-{qualifier}-{kind}-role-{ACCOUNT}-{region}"
                for kind in bootstrap_roles
                for region in self._regions
            ],
        )
