"""List prices of us-east-1 in US dollars, as AWS published them in 2026; other regions' differ.

They are what the tables of costs and the comparisons of releases calculate with: one place, so that
both tell the same. Each is of the AWS price page that its docstring names.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

HOURLY_USD: Final = {
    "ml.t2.medium": Decimal("0.056"),
    "ml.m5.large": Decimal("0.115"),
    "ml.m5.xlarge": Decimal("0.23"),
    "ml.m5.2xlarge": Decimal("0.461"),
    "ml.m5.4xlarge": Decimal("0.922"),
    "ml.c5.large": Decimal("0.102"),
    "ml.c5.xlarge": Decimal("0.204"),
    "ml.c5.2xlarge": Decimal("0.408"),
    "ml.g4dn.xlarge": Decimal("0.736"),
    "ml.g5.xlarge": Decimal("1.408"),
    "ml.g5.2xlarge": Decimal("1.515"),
    "ml.g5.12xlarge": Decimal("7.09"),
}
"""Of an instance and hour, of jobs and endpoints alike: "Amazon SageMaker AI"."""
VOLUME_USD: Final = Decimal("0.14")
"""Of a GB of a job's volume and month: "Amazon SageMaker AI"."""
TRANSFER_USD: Final = Decimal("0.02")
"""Of a GB to another region: "Amazon S3"."""
FUNCTION_USD: Final = Decimal("0.0000166667")
"""Of a GB-second of a function: "AWS Lambda"."""
MONTH_HOURS: Final = 730
