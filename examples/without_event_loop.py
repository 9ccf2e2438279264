"""A script without an event loop: the same names, and no await.

python without_event_loop.py localhost:9092
"""

import sys

import gomq.blocking


def main(address: str) -> None:
    with gomq.blocking.Producer(address) as producer:
        for item in (b"book", b"lamp"):
            receipt = producer.publish("wishes", item)
            print("acknowledged at offset", receipt.offset)

    with gomq.blocking.Consumer(address, "wishes", start="earliest", group="shopping") as consumer:
        for message in consumer.take(10, timeout=10):
            print(message.offset, message.value)

    with gomq.blocking.Admin(address) as admin:
        for partition, offsets in admin.group_offsets("shopping").items():
            print(partition, "is read up to", offsets.committed, "and has", offsets.lag, "more")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:9092")
