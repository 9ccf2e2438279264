"""The client for programs without an event loop: the same names and arguments, and no ``await``.

import gomq.blocking

with gomq.blocking.Producer("localhost:9092") as producer:
    producer.publish("orders", b"...")
with gomq.blocking.Consumer("localhost:9092", "orders", replay=True) as consumer:
    for message in consumer:
        ...

Each client has a thread with an event loop for the time of its block. Methods may be called from several threads;
Ctrl-C ends whatever waits. A program that runs an event loop of its own may use them too, but that loop stands still
while they wait. A forked process opens its own.
"""

from gomq.blocking.admin import Admin
from gomq.blocking.batches import Batches
from gomq.blocking.consumer import Consumer
from gomq.blocking.deliveries import Deliveries, Delivery
from gomq.blocking.producer import Producer, Publication

__all__ = ("Admin", "Batches", "Consumer", "Deliveries", "Delivery", "Producer", "Publication")
