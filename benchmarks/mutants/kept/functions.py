"""Faults in the functions: registering, starting executions, telling people, load tests."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.planted import PlantedFault

_JOBS: Final = "constructs_lib/jobs"
_REGISTER: Final = f"{_JOBS}/register_model"
_STAGING: Final = "tests/registration/test_staging.py"
_REGISTERING: Final = "tests/registration/test_registering.py"
_LINEAGE: Final = "tests/registration/test_lineage.py"
_FORGERIES: Final = (
    f"{_STAGING}::test_what_is_not_what_the_pipeline_knows_of_is_refused_and_nothing_written"
)

_STAGE: Final = (
    PlantedFault(
        breaks="small files are written without If-None-Match",
        file=f"{_REGISTER}/objects.py",
        before='            IfNoneMatch="*",\n            **arguments,\n',
        after="            **arguments,\n",
        tests=(f"{_STAGING}::test_nothing_is_written_that_is_there_already",),
    ),
    PlantedFault(
        breaks="claims are written without If-None-Match",
        file=f"{_REGISTER}/claims.py",
        before="put_new(clients.home_s3, _numbered(work, len(holders) + 1), _naming(own))",
        after="""clients.home_s3.put_object(
            **_numbered(work, len(holders) + 1).location, Body=_naming(own).body
        )""",
        tests=(
            "tests/faults/test_function_faults.py"
            "::test_a_claim_whose_writing_takes_long_writes_over_no_other",
        ),
    ),
    PlantedFault(
        breaks="artifacts are written without If-None-Match",
        file=f"{_REGISTER}/artifacts.py",
        before='MultipartUpload={"Parts": parts}, IfNoneMatch="*"',
        after='MultipartUpload={"Parts": parts}',
        tests=(f"{_STAGING}::test_an_artifact_that_appears_meanwhile_is_not_written_over",),
    ),
    PlantedFault(
        breaks="an artifact that is in place counts, whatever checksum S3 has of it",
        file=f"{_REGISTER}/artifacts.py",
        before="        if headers.get(name) != value:\n",
        after="        if name not in headers:\n",
        tests=(f"{_STAGING}::test_an_artifact_in_place_with_the_checksum_of_another_is_refused",),
    ),
    PlantedFault(
        breaks="the code's digest in the manifest is not compared",
        file=f"{_REGISTER}/staging.py",
        before='    for member in ("sha256", "code_sha256"):\n',
        after='    for member in ("sha256",):\n',
        tests=(f"{_FORGERIES}[manifest of other code]",),
    ),
    PlantedFault(
        breaks="an evaluation may be of another artifact",
        file=f"{_REGISTER}/staging.py",
        before="    if verified != staging.artifact_sha256:\n",
        after="    if not verified:\n",
        tests=(f"{_FORGERIES}[evaluation of another artifact]",),
    ),
    PlantedFault(
        breaks="the artifact's digest is not compared while it is copied",
        file=f"{_REGISTER}/artifacts.py",
        before='        if result.get("ChecksumSHA256", expected) != expected:\n',
        after='        if not result.get("ChecksumSHA256", expected):\n',
        tests=(f"{_FORGERIES}[artifact]",),
    ),
    PlantedFault(
        breaks="no artifact of several parts is read to compare its digest",
        file=f"{_REGISTER}/artifacts.py",
        before="    if size_bytes > MOST_HASHED_BYTES:\n",
        after="    if size_bytes > LARGEST_PART_BYTES:\n",
        tests=(
            f"{_STAGING}::test_the_digest_of_what_can_be_read_is_compared_whatever_the_checksum",
        ),
    ),
    PlantedFault(
        breaks="the CRC-32 of a large artifact is not sent to S3",
        file=f"{_REGISTER}/artifacts.py",
        before='else {**self.packaged.checksums(self._size_bytes), "ChecksumType": "FULL_OBJECT"}',
        after='else {"ChecksumType": "FULL_OBJECT"}',
        tests=(f"{_STAGING}::test_a_checksum_proves_an_artifact_that_is_too_large_to_be_read",),
    ),
    PlantedFault(
        breaks="a model that failed its verification is refused where it should only be warned of",
        file=f"{_REGISTER}/events.py",
        before='return self.verification == "enforce" and self.verdict != "passed"',
        after='return self.verification != "off" and self.verdict != "passed"',
        tests=(f"{_STAGING}::test_a_failed_model_is_staged_where_verification_only_warns",),
    ),
)
_REGISTRATION: Final = (
    PlantedFault(
        breaks="an execution that lost its claim goes on",
        file=f"{_REGISTER}/claims.py",
        before="    holder = claims[-1].execution_arn if claims",
        after="    holder = claims[0].execution_arn if claims",
        tests=(f"{_REGISTERING}::test_an_execution_that_lost_its_claim_never_registers",),
    ),
    PlantedFault(
        breaks="an execution claims a second time what it has lost",
        file=f"{_REGISTER}/claims.py",
        before="            if own in holders:\n",
        after="            if own in holders[1:]:\n",
        tests=(f"{_REGISTERING}::test_an_execution_that_lost_its_claim_never_registers",),
    ),
    PlantedFault(
        breaks="the claim of an execution that runs is taken over",
        file=f"{_REGISTER}/claims.py",
        before="            if is_running(holders[-1], clients.home_sagemaker):\n",
        after="            if not is_running(holders[-1], clients.home_sagemaker):\n",
        tests=(f"{_REGISTERING}::test_a_claim_of_an_execution_that_runs_is_waited_for",),
    ),
    PlantedFault(
        breaks="the tenth claim counts as one before the second",
        file=f"{_REGISTER}/claims.py",
        before="key=lambda file: int(file.name)",
        after="key=lambda file: file.name",
        tests=(f"{_REGISTERING}::test_claims_are_in_the_order_in_which_they_were_made",),
    ),
    PlantedFault(
        breaks="the oldest version of a content is found, not the newest",
        file=f"{_REGISTER}/records.py",
        before="sorted(records, key=lambda file: file.name, reverse=True)",
        after="sorted(records, key=lambda file: file.name)",
        tests=(f"{_REGISTERING}::test_of_several_versions_of_a_content_the_newest_is_found",),
    ),
    PlantedFault(
        breaks="the tenth version of a content counts as older than the ninth",
        file=f"{_REGISTER}/records.py",
        before='arn.rpartition("/")[2].zfill(10)',
        after='arn.rpartition("/")[2]',
        tests=(f"{_REGISTERING}::test_of_several_versions_of_a_content_the_newest_is_found",),
    ),
    PlantedFault(
        breaks="a model package whose artifact is gone counts",
        file=f"{_REGISTER}/records.py",
        before="    return missing is None\n",
        after="    return True\n",
        tests=(f"{_REGISTERING}::test_a_model_package_whose_artifact_is_gone_does_not_count",),
    ),
    PlantedFault(
        breaks="a registration fails with its lineage",
        file=f"{_REGISTER}/lineage.py",
        before="except (BotoCoreError, ClientError) as error:",
        after="except BotoCoreError as error:",
        tests=(f"{_LINEAGE}::test_a_registration_is_done_whatever_becomes_of_its_lineage",),
    ),
    PlantedFault(
        breaks="what was given was made of what is released",
        file=f"{_REGISTER}/lineage.py",
        before="for uri in (source_uri, released_uri)",
        after="for uri in (released_uri, source_uri)",
        tests=(f"{_LINEAGE}::test_a_version_leads_to_what_its_artifact_was_made_of",),
    ),
    PlantedFault(
        breaks="every region registers what the last one should",
        file=f"{_REGISTER}/packages.py",
        before='regions[region_code]["model_package_arguments"]',
        after='[*regions.values()][-1]["model_package_arguments"]',
        tests=(f"{_REGISTERING}::test_registers_a_model_package_of_the_region",),
    ),
    PlantedFault(
        breaks="two regions share an idempotency token",
        file=f"{_REGISTER}/events.py",
        before='name = f"{group}#{region}#{self.artifact_sha256}',
        after='name = f"{group}#{self.artifact_sha256}',
        tests=(
            f"{_REGISTERING}::test_the_client_token_is_of_the_execution_the_content_and_the_region",
        ),
    ),
    PlantedFault(
        breaks="an artifact is registered that is not the staged one any more",
        file=f"{_REGISTER}/registering.py",
        before="    refuse_other_content(headers, artifact, packaged.checksums(headers["
        '"ContentLength"]))\n',
        after="",
        tests=(f"{_REGISTERING}::test_nothing_is_registered_that_is_not_in_place",),
    ),
)
_START: Final = "tests/jobs/test_start_release.py"
_NOTIFY: Final = "tests/jobs/test_notify.py"
_LOAD_TEST: Final = "tests/jobs/test_load_test.py"
_OTHERS: Final = (
    PlantedFault(
        breaks="the event of a superseded upload starts an execution",
        file=f"{_JOBS}/start_release.py",
        before="    if newest_version(s3, upload) != upload.version_id:\n",
        after="    if newest_version(s3, upload) is None:\n",
        tests=(f"{_START}::test_a_superseded_version_is_left_to_the_newer_ones_event",),
    ),
    PlantedFault(
        breaks="a second upload under a key starts nothing",
        file=f"{_JOBS}/start_release.py",
        before='identity = f"{self.bucket}\\n{self.key}\\n{self.version_id}"',
        after='identity = f"{self.bucket}\\n{self.key}"',
        tests=(f"{_START}::test_bucket_key_and_version_make_the_token",),
    ),
    PlantedFault(
        breaks="an event that comes again days later starts a second execution",
        file=f"{_JOBS}/start_release.py",
        before='summary.get("PipelineExecutionDisplayName") == upload.execution_name',
        after='summary.get("PipelineExecutionDisplayName") == upload.token',
        tests=(f"{_START}::test_an_event_that_comes_again_days_later_starts_nothing",),
    ),
    PlantedFault(
        breaks="a subject has a character more than Amazon SNS takes",
        file=f"{_JOBS}/notify.py",
        before="_SUBJECT_CHARACTERS: Final = 99",
        after="_SUBJECT_CHARACTERS: Final = 100",
        tests=(f"{_NOTIFY}::test_a_subject_is_what_sns_takes",),
    ),
    PlantedFault(
        breaks="a message is cut by its characters, not by its bytes",
        file=f"{_JOBS}/notify.py",
        before='return text.encode()[:_MESSAGE_BYTES].decode(errors="ignore")',
        after="return text[:_MESSAGE_BYTES]",
        tests=(f"{_NOTIFY}::test_a_message_is_what_sns_takes",),
    ),
    PlantedFault(
        breaks="an approval is not told when metadata changes with it",
        file=f"{_JOBS}/notify.py",
        before="return bool(changed) and changed <= _UNTOLD_FIELDS",
        after="return bool(changed & _UNTOLD_FIELDS)",
        tests=(f"{_NOTIFY}::test_a_changed_approval_is_told_whatever_changes_with_it",),
    ),
    PlantedFault(
        breaks="a retry is advised where AWS allows none",
        file=f"{_JOBS}/notify.py",
        before='    if any("Fail" in step.get("Metadata", {}) for step in failed_steps):\n',
        after='    if all("Fail" in step for step in failed_steps):\n',
        tests=(
            f"{_NOTIFY}"
            "::test_an_execution_that_a_fail_step_ended_is_started_anew_instead_of_retried",
        ),
    ),
    PlantedFault(
        breaks="a load test's result is written as it is, with characters that no registry takes",
        file=f"{_JOBS}/load_test.py",
        before='_FORBIDDEN.sub(" ", text)[:_VALUE_LENGTH]',
        after="text[:_VALUE_LENGTH]",
        tests=(f"{_LOAD_TEST}::test_results_are_texts_that_the_registry_takes",),
    ),
    PlantedFault(
        breaks="a load test's result takes the place of all other metadata",
        file=f"{_JOBS}/load_test.py",
        before='{**package.get("CustomerMetadataProperties", {}), **found}',
        after="dict(found)",
        tests=(f"{_LOAD_TEST}::test_the_result_is_added_to_the_metadata_and_the_schedule_ends",),
    ),
    PlantedFault(
        breaks="versions of two groups share a load test",
        file=f"{_JOBS}/load_test.py",
        before="hashlib.sha256(model_package_arn.encode())",
        after="hashlib.sha256(version.encode())",
        tests=(f"{_LOAD_TEST}::test_every_version_has_a_job_of_its_own",),
    ),
)
FAULTS: Final = (*_STAGE, *_REGISTRATION, *_OTHERS)
