"""What a client's metrics are subscribed with, where nobody subscribes to any (KIP-714).

ApiVersions does not list the two APIs, as in a Kafka 4 without a plugin that receives metrics, so no client asks. One
that does all the same is told what Kafka tells it: no metrics are wanted, and those that it sends are thrown away.
Kafka: ``ClientMetricsManager``; unlike there, nothing is remembered of a client, and none is told to be slower.
"""

from typing import Final
from uuid import UUID

from crc32c import crc32c

from gomq_storage.compression import Codec

PUSH_INTERVAL_MS: Final = 300_000
MAX_BYTES: Final = 1 << 20
"""``telemetry.max.bytes``."""
ACCEPTED_CODECS: Final = (Codec.ZSTD, Codec.LZ4, Codec.GZIP, Codec.SNAPPY)
_NO_METRICS: Final = "[]"
_INT_SPAN: Final = 1 << 32


def subscription_id(client_instance_id: UUID) -> int:
    """Name a client's set of subscriptions, which is empty: Kafka's checksum of it, and Java's hash of the id."""
    checksum = crc32c(f"{_NO_METRICS}{PUSH_INTERVAL_MS}".encode())
    halves = client_instance_id.int >> 64 ^ client_instance_id.int
    value = (checksum ^ halves >> 32 ^ halves) % _INT_SPAN
    return value - _INT_SPAN if value >= _INT_SPAN // 2 else value
