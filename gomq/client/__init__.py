"""The client: producer, consumer and admin, against GoMQ or any other broker that speaks Kafka's protocol."""

from gomq.client.admin.admin import Admin
from gomq.client.consuming.consumer import Consumer
from gomq.client.message import Batch, Message, NewMessage, Published, Receipt
from gomq.client.producing.producer import Producer

__all__ = ("Admin", "Batch", "Consumer", "Message", "NewMessage", "Producer", "Published", "Receipt")
