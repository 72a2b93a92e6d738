"""The errors that bad input can cause.

    ReleaseError
    ├── configs: ConfigFileError
    ├── execution document: ExecutionDocumentError
    └── ...each lives beside the feature that raises it and derives from ReleaseError.

The command line prints a ``ReleaseError`` as it is and exits non-zero; anything else is a defect
of this project and keeps its traceback.
"""


class ReleaseError(Exception):
    """Bad input: the message says what, the value got, what is allowed and the likely fix."""
