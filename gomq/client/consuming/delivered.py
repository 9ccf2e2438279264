"""What deliveries need of a consumer: its messages, and a producer with its settings for those that are given up."""

from anyio.abc import TaskGroup

from gomq.client.consuming.intake import Intake
from gomq.client.consuming.settings import ConsumerSettings
from gomq.client.consuming.subscription import Subscription
from gomq.client.delivering.dead_letters import DeadLetters
from gomq.client.delivering.settings import DeliverySettings
from gomq.client.delivering.source import MessageSource
from gomq.client.message import Message


def message_source(intake: Intake, subscription: Subscription) -> MessageSource:
    """Make a source of what a consumer takes in."""
    reader = intake.reader

    async def following() -> Message:
        for message in reader.unread:
            return message
        while await intake.load():
            for message in reader.unread:
                return message
        raise StopAsyncIteration

    def reads(topic: str) -> bool:
        names = subscription.names
        if names is None:
            return subscription.pattern is not None and subscription.pattern.fullmatch(topic) is not None
        return topic in names

    return MessageSource(following, take=lambda: next(reader.unread, None), reads=reads)


def dead_letters(
    settings: DeliverySettings, address: str, consumer: ConsumerSettings, group: TaskGroup
) -> DeadLetters | None:
    """Make what publishes messages that are given up, with the connection settings of their consumer; None for none.

    Args:
        settings: names the topic.
        address: HOST:PORT of brokers, comma-separated.
        consumer: how to reach them, and for how long a lost broker is looked for.
        group: where the producer's task runs.
    """
    if settings.dead_letter is None:
        return None
    return DeadLetters(
        settings.dead_letter,
        address,
        connection=consumer.connection,
        patience=consumer.retry_timeout,
        group=group,
    )
