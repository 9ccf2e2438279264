"""Another client, the same broker: confluent-kafka publishes, confluent-kafka and GoMQ's client read.

python with_confluent_kafka.py localhost:9092        needs: pip install confluent-kafka
"""

import sys

from confluent_kafka import Consumer, Producer

import gomq.blocking


def publish(address: str) -> None:
    producer = Producer({"bootstrap.servers": address})
    for number in range(3):
        producer.produce("shared", value=b"message %d" % number, key=b"key")
    producer.flush()


def read_with_confluent_kafka(address: str) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "theirs", "auto.offset.reset": "earliest"})
    consumer.subscribe(["shared"])
    try:
        return [message.value() for message in consumer.consume(3, timeout=30)]
    finally:
        consumer.close()


def read_with_gomq(address: str) -> list[bytes | None]:
    with gomq.blocking.Consumer(address, "shared", start="earliest", group="ours") as consumer:
        return [message.value for message in consumer.take(3, timeout=10)]


def main(address: str) -> None:
    publish(address)
    print("confluent-kafka:", read_with_confluent_kafka(address))
    print("gomq:           ", read_with_gomq(address))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:9092")
