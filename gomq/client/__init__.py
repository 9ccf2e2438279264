"""The client: producer, consumer and admin, against GoMQ or any other broker that speaks Kafka's protocol."""

from gomq.client.admin.admin import Admin
from gomq.client.consuming.consumer import Consumer
from gomq.client.delivering.deliveries import Deliveries
from gomq.client.delivering.delivery import Delivery
from gomq.client.groups.offsets import CommittedOffset, OffsetAndMetadata
from gomq.client.groups.settings import GroupSettings
from gomq.client.message import Batch, Message, NewMessage, Published, Receipt
from gomq.client.producing.producer import Producer
from gomq.client.producing.publication import Publication
from gomq_storage.layout import TopicPartition

__all__ = (
    "Admin",
    "Batch",
    "CommittedOffset",
    "Consumer",
    "Deliveries",
    "Delivery",
    "GroupSettings",
    "Message",
    "NewMessage",
    "OffsetAndMetadata",
    "Producer",
    "Publication",
    "Published",
    "Receipt",
    "TopicPartition",
)
