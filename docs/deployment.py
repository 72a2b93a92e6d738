"""Writes what depends on the regions in docs/deploy.md: ``make docs``.

``python -m docs.deployment --app`` prints the same for the regions that this app uses.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from constructs_lib.regions import RegionCode
from docs.used_regions import EXAMPLE, UsedRegions, wants_this_app
from docs.writing import fill_blocks, write_if_changed

DOCUMENT: Final = Path(__file__).parent / "deploy.md"


def blocks(regions: UsedRegions) -> dict[str, str]:
    """Return each block by its name in the document."""
    return {
        "bootstrap": _bootstrap(regions),
        "quotas": _quotas(regions),
        "stacks": _stacks(regions),
    }


def document(text: str, regions: UsedRegions = EXAMPLE) -> str:
    """Fill the marked blocks of a document."""
    return fill_blocks(text, "regions", blocks(regions).__getitem__)


def _bootstrap(regions: UsedRegions) -> str:
    targets = " ".join(f"aws://ACCOUNT/{each.aws_region}" for each in regions.all)
    return f"<!-- not run: needs an AWS account -->\n```bash\ncdk bootstrap {targets}\n```"


def _stacks(regions: UsedRegions) -> str:
    rows = [
        ("storage", "home", "KMS key, artifact bucket and its access logs"),
        (
            "network",
            "home",
            "VPC, two isolated subnets, S3 gateway endpoint, security group, flow log; none where"
            " `existing_vpc` names its security group",
        ),
        *(_registry(code, regions.home) for code in regions.registered),
        ("notifications", "home", "only with `notifications`: topic and function"),
        *(
            (
                f"notifications-{code.lower()}",
                code.aws_region,
                "only with `notifications`, or an `Endpoint` with `deploy_on: approval`: a rule"
                " that sends events to the home region",
            )
            for code in regions.others
        ),
        (
            "pipeline-<folder>",
            "home",
            "pipeline, its role and that of its jobs, functions, assets; triggers, dashboard and"
            " alarms where asked for",
        ),
        (
            "serving-<folder>",
            "home",
            "only with a section `Endpoint`: the workflow of deployments and its function, the"
            " serving role of each region; a guard, which is deleted first and refuses as long as"
            " there are endpoints",
        ),
        ("delivery", "home", "only with `delivery`: roles for GitHub Actions"),
    ]
    home, app = regions.home.aws_region, regions.app_name
    shown = [
        f"| `{app}-{name}` | {f'home, `{home}`' if region == 'home' else f'`{region}`'} | {what} |"
        for name, region, what in rows
    ]
    return "\n".join(["| stack | region | holds |", "|---|---|---|", *shown])


def _registry(code: RegionCode, home: RegionCode) -> tuple[str, str, str]:
    beside = "" if code == home else ", key, artifact bucket and its access logs"
    return f"registry-{code.lower()}", code.aws_region, f"model package groups{beside}"


def _quotas(regions: UsedRegions) -> str:
    functions, others = len(regions.registered), len(regions.others)
    rows = [
        (
            "ml.m5.xlarge for processing job usage",
            "SageMaker AI",
            "differs, 0 in some new accounts",
            "1 per execution at a time (Package)",
        ),
        (
            "ml.m5.large for processing job usage",
            "SageMaker AI",
            "differs, 0 in some new accounts",
            "1 per execution at a time (Verify)",
        ),
        ("VPCs per Region", "VPC", "5", "1, none with `existing_vpc`"),
        ("Gateway VPC endpoints per Region", "VPC", "20", "1, none with `existing_vpc`"),
        (
            "Maximum number of pipelines allowed per account",
            "SageMaker AI",
            "500",
            "1 per folder",
        ),
        (
            "Maximum number of concurrent pipeline executions allowed per account",
            "SageMaker AI",
            "20",
            "as many as you start at a time",
        ),
        (
            "Concurrent executions",
            "Lambda",
            "1,000, 10 in some new accounts",
            f"{functions} per execution: one per registration region",
        ),
        (
            "General purpose buckets",
            "S3",
            "10,000",
            f"{2 * len(regions.all)}: 2 per region, home among them",
        ),
        (
            "Roles per account",
            "IAM",
            "1,000",
            "1, and 3 per pipeline; 1 per upload trigger and schedule;"
            f" {1 + others} for notifications; 2 for GitHub Actions; per pipeline that is served"
            " 3, and 1 per region of its waves",
        ),
        (
            "ml.m5.large for endpoint usage",
            "SageMaker AI",
            "differs, 0 in some new accounts",
            "with a section `Endpoint`, in each region of the waves: twice the instances, as an"
            " update starts the new ones before the former end",
        ),
        (
            "Rules",
            "EventBridge",
            "300",
            "1 per upload trigger; 2 for notifications, in each other region 1; with endpoints 1"
            " more at home and where they are",
        ),
        (
            "Number of alarms",
            "CloudWatch",
            "5,000",
            "with `monitoring` 4 per pipeline, 3 per upload trigger, 1 per schedule; 1 for"
            " notifications",
        ),
    ]
    head = ["| quota | service | default | the app needs |", "|---|---|---|---|"]
    return "\n".join([*head, *(f"| `{name}` | {' | '.join(rest)} |" for name, *rest in rows)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the document if it is not current, or print the blocks of this app."""
    if wants_this_app(__doc__, arguments):
        sys.stdout.write("\n\n".join(blocks(UsedRegions.of_this_app()).values()) + "\n")
        return
    write_if_changed(DOCUMENT, document(DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
