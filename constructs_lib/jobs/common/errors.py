"""What ends a job."""


class JobError(Exception):
    """What ends a job without an output: one line for the user."""
