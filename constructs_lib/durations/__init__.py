"""How long a release takes in AWS and what its jobs cost, calculated from a definition.

figures        what is published, and what was measured here, each with its source
steps          the time and the cost of one step
critical_path  the longest way through the steps, which a release waits for

Knows no builders and no configs: a deployed definition is judged as a compiled one is.
"""

from constructs_lib.durations.critical_path import ReleaseTime, release_time
from constructs_lib.durations.steps import StepTime

__all__ = ["ReleaseTime", "StepTime", "release_time"]
