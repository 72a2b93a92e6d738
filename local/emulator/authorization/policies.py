"""The policies that decide about a call, as they are deployed at this moment.

Read from moto's services in this process, not over their APIs: a decision makes no further calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from local.emulator.authorization.evaluator import Policy
from local.emulator.authorization.identities import CallerIdentity, Kind

EVERYTHING: Final[Policy] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
_PULL: Final = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:DescribeImages",
    "ecr:GetDownloadUrlForLayer",
]


def identity_policies(identity: CallerIdentity) -> list[Policy]:
    """Read the policies of who calls; a service has none."""
    if identity.kind is Kind.ADMINISTRATOR:
        return [EVERYTHING]
    owner = _owner(identity)
    if owner is None:
        return []
    texts = [*owner.policies.values(), *map(_default_version, owner.managed_policies.values())]
    return [_read(text) for text in texts]


def role_statements(role_arn: str) -> list[Policy]:
    """Read all statements of a role's own policies."""
    account = role_arn.split(":")[4]
    identity = CallerIdentity(Kind.ROLE, account, role_arn, role_arn=role_arn)
    found: list[Policy] = []
    for policy in identity_policies(identity):
        statements = policy["Statement"]
        found += [statements] if isinstance(statements, dict) else statements
    return found


def permissions_boundary(identity: CallerIdentity) -> Policy | None:
    """Read the policy beyond which an identity's own policies allow nothing."""
    owner = _owner(identity)
    arn = getattr(owner, "permissions_boundary_arn", None)
    if arn is None:
        return None
    from moto.iam.models import iam_backends

    policy = iam_backends[identity.account]["aws"].managed_policies.get(arn)
    return None if policy is None else _read(_default_version(policy))


def resource_policy(action: str, arn: str) -> Policy | None:
    """Read the policy of the resource of a call, or None where it has none."""
    find = _RESOURCE_POLICIES.get(action.partition(":")[0])
    text = None if find is None or arn == "*" else find(arn)
    return _read(text) if text else None


def has_resource_policies(service: str) -> bool:
    """Whether resources of a service have policies of their own."""
    return service in _RESOURCE_POLICIES


def endpoint_of(vpc_id: str, service: str, region: str, account: str) -> tuple[str, Policy] | None:
    """Find the endpoint of a service in a VPC, with its policy; None if it has none there."""
    from moto.ec2.models import ec2_backends

    for endpoint in ec2_backends[account][region].vpc_end_points.values():
        if endpoint.vpc_id == vpc_id and endpoint.service_name.rpartition(".")[2] == service:
            return endpoint.id, _read(endpoint.policy_document)
    return None


def vpc_of(subnet_ids: list[str], region: str, account: str) -> str | None:
    """Find the VPC of subnets."""
    from moto.ec2.models import ec2_backends

    for zone in ec2_backends[account][region].subnets.values():
        for subnet in zone.values():
            if subnet.id in subnet_ids:
                return str(subnet.vpc_id)
    return None


def key_arn(key: str, region: str, account: str) -> str:
    """Return the ARN of a key, given by ARN, id, or alias; of an unknown alias its own."""
    from moto.kms.models import kms_backends

    if key.startswith("arn:"):
        region, key = key.split(":")[3], key.split(":", 5)[5].removeprefix("key/")
    backend = kms_backends[account][region]
    if key.startswith("alias/"):
        with suppress(KeyError):
            key = backend.get_key_id_from_alias(key) or key
    return f"arn:aws:kms:{region}:{account}:{key if key.startswith('alias/') else f'key/{key}'}"


def key_aliases(arn: str) -> list[str]:
    """Return the aliases of a key."""
    key = _found_key(arn)
    return [] if key is None else list(key.aliases)


def message_key(arn: str) -> str | None:
    """Find the key that a topic or queue is encrypted with."""
    _, _, service, region, account, name = arn.split(":", 5)
    if service == "sns":
        topic = _topic(arn)
        return getattr(topic, "kms_master_key_id", None) or None
    from moto.sqs.models import sqs_backends

    queue = sqs_backends[account][region].queues.get(name)
    return getattr(queue, "kms_master_key_id", None) or None


def _owner(identity: CallerIdentity) -> Any:
    from moto.iam.models import iam_backends

    backend = iam_backends[identity.account]["aws"]
    if identity.kind is Kind.ROLE:
        roles = list(backend.roles.values())
        return next((role for role in roles if role.arn == identity.role_arn), None)
    if identity.kind is Kind.USER:
        return backend.users.get(identity.arn.rpartition("/")[2])
    return None


def _default_version(policy: Any) -> str:
    return str(next(each.document for each in policy.versions if each.is_default))


def _read(text: Any) -> Policy:
    if isinstance(text, bytes):
        text = text.decode()
    document: Policy = json.loads(text) if isinstance(text, str) else text
    return document


def _bucket(arn: str) -> Any:
    from moto.s3.models import s3_backends

    name = arn.rpartition(":")[2].partition("/")[0]
    for account in list(s3_backends.values()):
        if name in account["aws"].buckets:
            return account["aws"].buckets[name].policy
    return None


def _found_key(arn: str) -> Any:
    from moto.kms.models import kms_backends

    if arn == "*":
        return None
    _, _, _, region, account, resource = arn.split(":", 5)
    return kms_backends[account][region].keys.get(resource.removeprefix("key/"))


def _key_policy(arn: str) -> Any:
    key = _found_key(arn)
    return None if key is None else key.policy


def _function(arn: str) -> Any:
    from moto.awslambda.exceptions import LambdaClientError
    from moto.awslambda.models import lambda_backends

    _, _, _, region, account, resource = arn.split(":", 5)
    with suppress(LambdaClientError):  # there is no such function
        function = lambda_backends[account][region].get_function(resource.split(":")[1])
        statements = function.policy.statements
        return {"Version": "2012-10-17", "Statement": statements} if statements else None
    return None


def _topic(arn: str) -> Any:
    from moto.sns.models import sns_backends

    _, _, _, region, account, _ = arn.split(":", 5)
    return sns_backends[account][region].topics.get(arn)


def _topic_policy(arn: str) -> Any:
    topic = _topic(arn)
    return None if topic is None else topic.policy


def _queue(arn: str) -> Any:
    from moto.sqs.models import sqs_backends

    _, _, _, region, account, name = arn.split(":", 5)
    queue = sqs_backends[account][region].queues.get(name)
    return None if queue is None else queue.policy


def _bus(arn: str) -> Any:
    from moto.events.models import events_backends

    _, _, _, region, account, resource = arn.split(":", 5)
    bus = events_backends[account][region].event_buses.get(resource.removeprefix("event-bus/"))
    return None if bus is None else bus.policy


def _trust(arn: str) -> Any:
    from moto.iam.models import iam_backends

    roles = list(iam_backends[arn.split(":")[4]]["aws"].roles.values())
    return next((role.assume_role_policy_document for role in roles if role.arn == arn), None)


def _repository(arn: str) -> Any:
    """Let everybody pull images of other accounts: those are AWS's own, of its containers."""
    from moto.ecr.models import ecr_backends

    _, _, _, region, account, resource = arn.split(":", 5)
    found = ecr_backends[account][region].repositories.get(resource.removeprefix("repository/"))
    if found is not None:
        return found.policy
    pull = {"Effect": "Allow", "Principal": "*", "Action": _PULL, "Resource": arn}
    return {"Version": "2012-10-17", "Statement": [pull]}


_RESOURCE_POLICIES: Final[Mapping[str, Callable[[str], Any]]] = {
    "ecr": _repository,
    "events": _bus,
    "kms": _key_policy,
    "lambda": _function,
    "s3": _bucket,
    "sns": _topic_policy,
    "sqs": _queue,
    "sts": _trust,
}
"""How to find the policy of a resource, by the prefix of the action."""
