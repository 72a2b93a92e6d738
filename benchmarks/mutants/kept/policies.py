"""Faults in the policies of roles, buckets and keys."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.planted import PlantedFault

_INFRASTRUCTURE: Final = "constructs_lib/infrastructure"
_IAM: Final = f"{_INFRASTRUCTURE}/iam"
_NEEDED: Final = ("tests/security/test_least_privilege.py::test_every_needed_call_is_allowed",)
_FORBIDDEN: Final = (
    "tests/security/test_least_privilege.py::test_nothing_that_is_forbidden_is_allowed",
)
_PIPELINE: Final = "tests/synth/test_pipeline_stack.py"
_LOAD_TEST: Final = "tests/synth/test_load_test_stack.py"

_ROLES: Final = (
    PlantedFault(
        breaks="jobs write outside of the pipeline's temporary prefix",
        file=f"{_IAM}/job_permissions.py",
        before='[f"{bucket_arn}/{written}/*"]',
        after='[f"{bucket_arn}/*"]',
        tests=(f"{_PIPELINE}::test_the_jobs_write_below_the_temporary_prefix_only",),
    ),
    PlantedFault(
        breaks="jobs read what is uploaded for other pipelines",
        file=f"{_IAM}/job_permissions.py",
        before="given = [incoming_prefix(resources.pipeline_name)] if",
        after='given = ["incoming"] if',
        tests=(f"{_PIPELINE}::test_jobs_read_their_pipelines_incoming_models_and_artifacts_only",),
    ),
    PlantedFault(
        breaks="jobs list all of the bucket",
        file=f"{_IAM}/job_permissions.py",
        before='find, [bucket_arn], listing([f"{each}/*" for each in read]))',
        after="find, [bucket_arn])",
        tests=_FORBIDDEN,
    ),
    PlantedFault(
        breaks="the pipeline's role passes the jobs' role to every service",
        file=f"{_IAM}/permissions.py",
        before="""        [resources.job_role.role_arn],
        {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
""",
        after="""        [resources.job_role.role_arn],
""",
        tests=(
            f"{_PIPELINE}::test_the_execution_role_passes_only_the_jobs_role_and_only_to_sagemaker",
        ),
    ),
    PlantedFault(
        breaks="jobs start in any network",
        file=f"{_IAM}/permissions.py",
        before="return Statement(sid, create, _names(resources, kinds), conditions)",
        after="return Statement(sid, create, _names(resources, kinds))",
        tests=(f"{_PIPELINE}::test_jobs_start_in_the_network_of_the_settings_and_isolated_only",),
    ),
    PlantedFault(
        breaks="a job that names no network starts",
        file=f"{_IAM}/request_conditions.py",
        before='            "Null": {_GROUPS: "false", _SUBNETS: "false"},\n',
        after="",
        tests=_FORBIDDEN,
    ),
    PlantedFault(
        breaks="a job starts with one subnet of the settings among others",
        file=f"{_IAM}/request_conditions.py",
        before='            "ForAllValues:StringEquals": {\n',
        after='            "ForAnyValue:StringEquals": {\n',
        tests=_FORBIDDEN,
    ),
    PlantedFault(
        breaks="a start parameter approves a version",
        file=f"{_IAM}/request_conditions.py",
        before="[_APPROVED] if status == _APPROVED else []",
        after="[_APPROVED]",
        tests=(
            f"{_PIPELINE}::test_versions_are_registered_as_approved_only_where_the_settings_say_so",
        ),
    ),
)
_RESOURCES: Final = (
    PlantedFault(
        breaks="released objects may be written over",
        file=f"{_INFRASTRUCTURE}/buckets.py",
        before='            "Null": {"s3:if-none-match": "true"},\n',
        after='            "Null": {"s3:if-none-match": "false"},\n',
        tests=_FORBIDDEN,
    ),
    PlantedFault(
        breaks="objects may be written under any key",
        file=f"{_INFRASTRUCTURE}/buckets.py",
        before='            "StringNotEquals": {key_id: list(accepted_key_arns)},\n',
        after='            "StringEquals": {key_id: list(accepted_key_arns)},\n',
        tests=_FORBIDDEN,
    ),
    PlantedFault(
        breaks="buckets answer plain HTTP",
        file=f"{_INFRASTRUCTURE}/buckets.py",
        before='    "enforce_ssl": True,\n',
        after='    "enforce_ssl": False,\n',
        tests=("tests/synth/test_storage_stack.py::test_every_bucket_refuses_plain_http",),
    ),
    PlantedFault(
        breaks="whoever may use a volume's key may grant its use to anybody",
        file=f"{_INFRASTRUCTURE}/encryption.py",
        before="""                ["kms:CreateGrant"],
                {"Bool": {"kms:GrantIsForAWSResource": "true"}},
""",
        after="""                ["kms:CreateGrant"],
""",
        tests=_FORBIDDEN,
    ),
    PlantedFault(
        breaks="copies may be encrypted with every key of the account",
        file=f"{_IAM}/registration_permissions.py",
        before="""            conditions={
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": self.registry_key_alias}
            },
""",
        after="",
        tests=_FORBIDDEN,
    ),
    PlantedFault(
        breaks="the function may register in every model package group",
        file=f"{_IAM}/registration_permissions.py",
        before='            yield f"{prefix}:model-package/{group}/*"\n',
        after='            yield f"{prefix}:model-package/{group[:0]}*"\n',
        tests=_FORBIDDEN,
    ),
    PlantedFault(
        breaks="the function may not look whether an object is there",
        file=f"{_IAM}/registration_permissions.py",
        before="""            actions=["s3:ListBucket"],
            resources=buckets,
""",
        after="""            actions=["s3:ListBucket"],
            resources=buckets[:1],
""",
        tests=_NEEDED,
    ),
    PlantedFault(
        breaks="the function may list the whole bucket",
        file=f"{_IAM}/registration_permissions.py",
        before='            conditions=listing([f"{prefix}/*" for prefix in written]),\n',
        after="            conditions=None,\n",
        tests=("tests/security/test_least_privilege.py::test_no_role_lists_a_bucket_whole",),
    ),
    PlantedFault(
        breaks="a service may assume roles on behalf of other accounts",
        file=f"{_IAM}/policies.py",
        before='(name, conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT}})',
        after="(name)",
        tests=_FORBIDDEN,
    ),
    PlantedFault(
        breaks="a load test may pass its roles to every service",
        file=f"{_IAM}/load_test_permissions.py",
        before="resources=[role.role_arn], conditions=conditions\n",
        after="resources=[role.role_arn]\n",
        tests=(f"{_LOAD_TEST}::test_the_function_tests_and_changes_its_own_versions_only",),
    ),
    PlantedFault(
        breaks="a load test's job may write released objects",
        file=f"{_IAM}/load_test_permissions.py",
        before="""            actions=["s3:GetObject"],
""",
        after="""            actions=["s3:GetObject", "s3:PutObject"],
""",
        tests=(f"{_LOAD_TEST}::test_the_jobs_role_writes_no_data",),
    ),
    PlantedFault(
        breaks="uploads of every pipeline may be read by the function that one starts",
        file=f"{_INFRASTRUCTURE}/triggers.py",
        before='resources=[artifact_bucket.arn_for_objects(f"{prefix}/*")]',
        after='resources=[artifact_bucket.arn_for_objects("*")]',
        tests=_FORBIDDEN,
    ),
)
FAULTS: Final = (*_ROLES, *_RESOURCES)
