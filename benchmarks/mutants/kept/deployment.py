"""Faults in the function that deploys approved versions."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.planted import PlantedFault

_DEPLOY_MODEL: Final = "constructs_lib/jobs/deploy_model"
_TESTS: Final = "tests/deployment/test_deploy_model.py"

FAULTS: Final = (
    PlantedFault(
        breaks="a rollback by SageMaker itself counts as success",
        file=f"{_DEPLOY_MODEL}/endpoints.py",
        before="""            and self.pending_name is None
            and self.configuration_name == configuration_name
""",
        after="""            and self.pending_name is None
""",
        tests=(f"{_TESTS}::test_a_failed_update_takes_every_region_back",),
    ),
    PlantedFault(
        breaks="an endpoint is changed before it is written down",
        file=f"{_DEPLOY_MODEL}/updating.py",
        before="""            write_begun(work, target, name)
""",
        after="",
        tests=(
            f"{_TESTS}::test_a_rollback_after_an_execution_that_was_stopped_returns_to_what_it_replaced",
        ),
    ),
    PlantedFault(
        breaks="an older version that is approved later takes the place of a newer one",
        file=f"{_DEPLOY_MODEL}/resolving.py",
        before="live.number > version.number",
        after="live.number < version.number",
        tests=(f"{_TESTS}::test_an_older_one_that_is_approved_later_does_not_win",),
    ),
    PlantedFault(
        breaks="of two versions that are approved within a minute the older one wins",
        file=f"{_DEPLOY_MODEL}/resolving.py",
        before="(its is not None and its >= own)",
        after="(its is not None and its < own)",
        tests=(f"{_TESTS}::test_of_two_approved_within_a_minute_the_newer_wins",),
    ),
    PlantedFault(
        breaks="a version whose approval was taken back goes on to be deployed",
        file=f"{_DEPLOY_MODEL}/updating.py",
        before="if version is None or not version.is_approved:",
        after="if version is None:",
        tests=(f"{_TESTS}::test_approval_that_is_revoked_while_deploying_ends_in_taking_back",),
    ),
    PlantedFault(
        breaks="a version that is approved in one region only is deployed",
        file=f"{_DEPLOY_MODEL}/resolving.py",
        before="""    if version.is_approved:
        return ""
""",
        after="""    if version.approval != PENDING:
        return ""
""",
        tests=(f"{_TESTS}::test_a_rejected_version_serves_no_more",),
    ),
    PlantedFault(
        breaks="an endpoint that somebody has changed is overwritten without being asked",
        file=f"{_DEPLOY_MODEL}/resolving.py",
        before='if changed and not work.request.get("overwrite"):',
        after='if changed and work.request.get("overwrite"):',
        tests=(f"{_TESTS}::test_an_endpoint_that_somebody_has_changed_is_told_and_left",),
    ),
    PlantedFault(
        breaks="an endpoint that somebody changes during a deployment is overwritten",
        file=f"{_DEPLOY_MODEL}/updating.py",
        before="""    if state is not None and is_at_rest and state.configuration_name == expected:
""",
        after="""    if state is not None and is_at_rest:
""",
        tests=(f"{_TESTS}::test_an_endpoint_that_changes_after_resolve_is_left_as_it_is",),
    ),
    PlantedFault(
        breaks="what served last is removed, and what served first is kept",
        file=f"{_DEPLOY_MODEL}/preparing.py",
        before="*sorted(used, key=lambda name: used[name], reverse=True)[:rest]",
        after="*sorted(used, key=lambda name: used[name])[:rest]",
        tests=(f"{_TESTS}::test_kept_are_what_serves_the_one_before_and_those_that_served_last",),
    ),
    PlantedFault(
        breaks="a region that could not be returned is told as taken back",
        file=f"{_DEPLOY_MODEL}/recording.py",
        before='status = "needs_person" if stuck else "taken_back" if went_back else "unchanged"',
        after='status = "taken_back" if went_back else "needs_person" if stuck else "unchanged"',
        tests=(f"{_TESTS}::test_a_region_that_cannot_be_returned_needs_a_person",),
    ),
    PlantedFault(
        breaks="scaling that was taken out of a config stays",
        file=f"{_DEPLOY_MODEL}/scaling.py",
        before="""        stop_scaling(work, target)
        return
""",
        after="""        return
""",
        tests=(
            "tests/deployment/test_scaled_endpoints.py"
            "::test_scaling_that_is_taken_out_of_the_config_ends_though_the_version_stays",
        ),
    ),
)
