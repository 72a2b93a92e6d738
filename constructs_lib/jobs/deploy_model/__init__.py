"""Serves an approved version by an endpoint in each region, and takes it back.

The Lambda function behind every state of a deployment's workflow. It runs in the home region,
outside the VPC, and needs nothing but the standard library, boto3 and what ships with it of the
other jobs. The event's ``action`` says what to do:

``resolve``
    Waits for deployments that began earlier; finds the version by its content in every region,
    approved and proven; finds what serves each region now, which is what a failure returns to.
``prepare``
    Makes the model and the endpoint configuration of a region, both named by their content.
``update``, ``look``
    Creates or updates the endpoint, and tells when it serves that configuration and nothing else.
``try``
    Sends the version's sample requests, and compares the answers as verification does.
``ask``
    Sends them while it bakes, so that alarms have something to judge.
``look_again``
    Tells whether a region serves it still, without an alarm that tells against it.
``record``, ``record_failure``
    Write down in each version's metadata what it serves, remove what is too old, tell people.
``take_back``, ``remove``
    Return a region to what served before; remove its endpoint.

Every action may be repeated at any point: it looks first, and what is done already is left as it
is. What the service has stored is the only memory: an endpoint, configurations and models that say
by name what is in them, and metadata of the versions (see ``records``). A failure names the region,
the work and the cause.
"""

from .errors import DeploymentError
from .handler import handler

__all__ = ["DeploymentError", "handler"]
