"""Amazon EventBridge rules, SQS queues and SNS topics, with their policies."""

from __future__ import annotations

from typing import Any, Final

from local.emulator.cloudformation.errors import ProvisioningError
from local.emulator.cloudformation.handlers.documents import (
    as_json,
    is_true,
    pick,
    removed_tag_keys,
    tag_map,
)
from local.emulator.cloudformation.resources import Context, Handler, Identity, Properties, Resource

_RULE: Final = ("Description", "EventBusName", "RoleArn", "ScheduleExpression", "State")


def _create_rule(context: Context, properties: Properties) -> Identity:
    name = properties.get("Name") or context.generated_name(64)
    arn = _put_rule(context, name, {}, properties)
    return Identity(name, {"Arn": arn})


def _update_rule(context: Context, current: Resource, properties: Properties) -> Identity:
    _put_rule(context, current.physical_id, current.properties, properties)
    return current.identity


def _delete_rule(context: Context, current: Resource) -> None:
    client, bus = context.client("events"), pick(current.properties, ("EventBusName",))
    _remove_targets(client, current.physical_id, current.properties, {})
    client.delete_rule(Name=current.physical_id, **bus)


def _put_rule(context: Context, name: str, before: Properties, after: Properties) -> str:
    client, bus = context.client("events"), pick(after, ("EventBusName",))
    arguments = pick(after, _RULE)
    if "EventPattern" in after:
        arguments["EventPattern"] = as_json(after["EventPattern"])
    arn = client.put_rule(Name=name, Tags=after.get("Tags", []), **arguments)["RuleArn"]
    _remove_targets(client, name, before, after)
    if after.get("Targets"):
        answer = client.put_targets(Rule=name, Targets=after["Targets"], **bus)
        for failure in answer.get("FailedEntries", []):
            raise ProvisioningError(failure["ErrorMessage"])
    return str(arn)


def _remove_targets(client: Any, rule: str, before: Properties, after: Properties) -> None:
    kept = {target["Id"] for target in after.get("Targets", [])}
    gone = [target["Id"] for target in before.get("Targets", []) if target["Id"] not in kept]
    if gone:
        client.remove_targets(Rule=rule, Ids=gone, **pick(before, ("EventBusName",)))


_QUEUE_TEXTS: Final = (
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)
_QUEUE_DOCUMENTS: Final = ("RedriveAllowPolicy", "RedrivePolicy")


def _create_queue(context: Context, properties: Properties) -> Identity:
    suffix = ".fifo" if is_true(properties.get("FifoQueue", False)) else ""
    name = properties.get("QueueName") or context.generated_name(80 - len(suffix)) + suffix
    client = context.client("sqs")
    url = client.create_queue(
        QueueName=name, Attributes=_queue_attributes(properties), tags=tag_map(properties)
    )["QueueUrl"]
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = answer["Attributes"]["QueueArn"]
    return Identity(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


def _update_queue(context: Context, current: Resource, properties: Properties) -> Identity:
    client, url = context.client("sqs"), current.physical_id
    wanted = _queue_attributes(properties)
    wanted.pop("FifoQueue", None)
    if wanted:
        client.set_queue_attributes(QueueUrl=url, Attributes=wanted)
    removed = removed_tag_keys(current.properties, properties)
    if removed:
        client.untag_queue(QueueUrl=url, TagKeys=removed)
    if properties.get("Tags"):
        client.tag_queue(QueueUrl=url, Tags=tag_map(properties))
    return current.identity


def _delete_queue(context: Context, current: Resource) -> None:
    context.client("sqs").delete_queue(QueueUrl=current.physical_id)


def _queue_attributes(properties: Properties) -> dict[str, str]:
    texts = pick(properties, _QUEUE_TEXTS)
    documents = pick(properties, _QUEUE_DOCUMENTS)
    return {name: _attribute_text(value) for name, value in texts.items()} | {
        name: as_json(value) for name, value in documents.items()
    }


def _attribute_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _create_queue_policy(context: Context, properties: Properties) -> Identity:
    _set_queue_policies(context, properties["Queues"], as_json(properties["PolicyDocument"]))
    physical_id = context.generated_name()
    return Identity(physical_id, {"Id": physical_id})


def _update_queue_policy(context: Context, current: Resource, properties: Properties) -> Identity:
    dropped = [url for url in current.properties["Queues"] if url not in properties["Queues"]]
    _set_queue_policies(context, dropped, "")
    _set_queue_policies(context, properties["Queues"], as_json(properties["PolicyDocument"]))
    return current.identity


def _delete_queue_policy(context: Context, current: Resource) -> None:
    _set_queue_policies(context, current.properties["Queues"], "")


def _set_queue_policies(context: Context, urls: list[str], policy: str) -> None:
    for url in urls:
        context.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


_TOPIC_ATTRIBUTES: Final = (
    "ContentBasedDeduplication",
    "DisplayName",
    "FifoTopic",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
)


def _create_topic(context: Context, properties: Properties) -> Identity:
    suffix = ".fifo" if is_true(properties.get("FifoTopic", False)) else ""
    name = properties.get("TopicName") or context.generated_name(256 - len(suffix)) + suffix
    arn = context.client("sns").create_topic(
        Name=name, Attributes=_topic_attributes(properties), Tags=properties.get("Tags", [])
    )["TopicArn"]
    _set_inline_subscriptions(context, arn, {}, properties)
    return Identity(arn, {"TopicArn": arn, "TopicName": name})


def _update_topic(context: Context, current: Resource, properties: Properties) -> Identity:
    client, arn, before = context.client("sns"), current.physical_id, current.properties
    wanted, present = _topic_attributes(properties), _topic_attributes(before)
    for name in wanted.keys() | present.keys():
        if wanted.get(name) != present.get(name):
            client.set_topic_attributes(
                TopicArn=arn, AttributeName=name, AttributeValue=wanted.get(name, "")
            )
    _set_inline_subscriptions(context, arn, before, properties)
    removed = removed_tag_keys(before, properties)
    if removed:
        client.untag_resource(ResourceArn=arn, TagKeys=removed)
    if properties.get("Tags"):
        client.tag_resource(ResourceArn=arn, Tags=properties["Tags"])
    return current.identity


def _delete_topic(context: Context, current: Resource) -> None:
    _set_inline_subscriptions(context, current.physical_id, current.properties, {})
    context.client("sns").delete_topic(TopicArn=current.physical_id)


def _topic_attributes(properties: Properties) -> dict[str, str]:
    present = pick(properties, _TOPIC_ATTRIBUTES)
    return {name: _attribute_text(value) for name, value in present.items()}


def _set_inline_subscriptions(
    context: Context, arn: str, before: Properties, after: Properties
) -> None:
    client = context.client("sns")
    wanted, present = after.get("Subscription", []), before.get("Subscription", [])
    gone = [subscription["Endpoint"] for subscription in present if subscription not in wanted]
    if gone:
        for subscription in client.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]:
            if subscription["Endpoint"] in gone:
                client.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    for subscription in wanted:
        if subscription not in present:
            client.subscribe(TopicArn=arn, **subscription)


def _create_topic_policy(context: Context, properties: Properties) -> Identity:
    _set_topic_policies(context, properties["Topics"], as_json(properties["PolicyDocument"]))
    physical_id = context.generated_name()
    return Identity(physical_id, {"Id": physical_id})


def _update_topic_policy(context: Context, current: Resource, properties: Properties) -> Identity:
    _set_topic_policies(context, properties["Topics"], as_json(properties["PolicyDocument"]))
    return current.identity


def _delete_topic_policy(_context: Context, _current: Resource) -> None:
    """Leave the last policy in place, as CloudFormation does: a topic cannot be without one."""


def _set_topic_policies(context: Context, topics: list[str], policy: str) -> None:
    for arn in topics:
        context.client("sns").set_topic_attributes(
            TopicArn=arn, AttributeName="Policy", AttributeValue=policy
        )


_SUBSCRIPTION: Final = ("Endpoint", "Protocol", "TopicArn")
_SUBSCRIPTION_ATTRIBUTES: Final = ("FilterPolicy", "RawMessageDelivery", "RedrivePolicy")


def _create_subscription(context: Context, properties: Properties) -> Identity:
    attributes = _subscription_attributes(properties)
    arn = context.client("sns").subscribe(
        **pick(properties, _SUBSCRIPTION), Attributes=attributes, ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    return Identity(arn, {"Arn": arn})


def _update_subscription(context: Context, current: Resource, properties: Properties) -> Identity:
    wanted = _subscription_attributes(properties)
    for name in wanted.keys() | _subscription_attributes(current.properties).keys():
        context.client("sns").set_subscription_attributes(
            SubscriptionArn=current.physical_id,
            AttributeName=name,
            AttributeValue=wanted.get(name, ""),
        )
    return current.identity


def _delete_subscription(context: Context, current: Resource) -> None:
    context.client("sns").unsubscribe(SubscriptionArn=current.physical_id)


def _subscription_attributes(properties: Properties) -> dict[str, str]:
    present = pick(properties, _SUBSCRIPTION_ATTRIBUTES)
    return {name: as_json(value) for name, value in present.items()}


HANDLERS: Final = {
    "AWS::Events::Rule": Handler(
        _create_rule,
        _delete_rule,
        _update_rule,
        applied=frozenset({*_RULE, "EventPattern", "Name", "Tags", "Targets"}),
    ),
    "AWS::SNS::Subscription": Handler(
        _create_subscription,
        _delete_subscription,
        _update_subscription,
        applied=frozenset({*_SUBSCRIPTION, *_SUBSCRIPTION_ATTRIBUTES}),
    ),
    "AWS::SNS::Topic": Handler(
        _create_topic,
        _delete_topic,
        _update_topic,
        applied=frozenset({*_TOPIC_ATTRIBUTES, "Subscription", "Tags", "TopicName"}),
    ),
    "AWS::SNS::TopicPolicy": Handler(
        _create_topic_policy, _delete_topic_policy, _update_topic_policy
    ),
    "AWS::SQS::Queue": Handler(
        _create_queue,
        _delete_queue,
        _update_queue,
        applied=frozenset({*_QUEUE_TEXTS, *_QUEUE_DOCUMENTS, "QueueName", "Tags"}),
    ),
    "AWS::SQS::QueuePolicy": Handler(
        _create_queue_policy, _delete_queue_policy, _update_queue_policy
    ),
}
