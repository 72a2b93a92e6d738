"""What goes wrong in CloudFormation.

CloudFormationError
├── TemplateError       the request is refused, nothing was touched
└── ProvisioningError   a resource could not be created, updated or deleted: roll back
"""

from __future__ import annotations


class CloudFormationError(Exception):
    """A request that CloudFormation answers with a failure."""


class TemplateError(CloudFormationError):
    """The template or its parameters are not valid (``ValidationError`` on the wire)."""


class ProvisioningError(CloudFormationError):
    """One resource failed; the message is the status reason of its event."""
