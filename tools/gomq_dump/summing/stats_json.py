"""Show counts as JSON lines: an object of each partition, and one of all of them."""

from typing import Any

from gomq_dump.rendering.json_lines import line
from gomq_dump.summing.histogram import Sizes
from gomq_dump.summing.stats import Stats


def stats_line(stats: Stats, *, is_total: bool) -> bytes:
    """Write what was counted of one partition, or of all that was asked for."""
    partition = stats.partition
    return line(
        {
            "type": "stats",
            "topic": None if partition is None else partition.topic,
            "partition": None if partition is None else partition.partition,
            "is_total": is_total,
            "log_bytes": stats.log_bytes,
            "batches": stats.batch_sizes.count,
            "records": stats.records,
            "idempotent_batches": stats.idempotent_batches,
            "transactional_batches": stats.transactional_batches,
            "control_batches": stats.control_batches,
            "producers": len(stats.producers),
            "null_keys": stats.null_keys,
            "null_values": stats.null_values,
            "first_timestamp": stats.first_timestamp,
            "last_timestamp": stats.last_timestamp,
            "codecs": [
                {
                    "codec": name,
                    "batches": codec.batches,
                    "stored_bytes": codec.stored_bytes,
                    "record_bytes": codec.record_bytes,
                    "ratio": round(codec.ratio, 3),
                }
                for name, codec in sorted(stats.codecs.items())
            ],
            "batch_sizes": _sizes(stats.batch_sizes),
            "key_sizes": _sizes(stats.key_sizes),
            "value_sizes": _sizes(stats.value_sizes),
            "headers_sizes": _sizes(stats.headers_sizes),
            "rate": {
                "width_ms": stats.rate.width_ms,
                "buckets": [{"timestamp": start, "records": count} for start, _, count in stats.rate.buckets],
            },
        }
    )


def _sizes(sizes: Sizes) -> dict[str, Any]:
    return {
        "count": sizes.count,
        "total": sizes.total,
        "min": sizes.smallest if sizes.count else None,
        "max": sizes.largest if sizes.count else None,
        "mean": round(sizes.mean, 1) if sizes.count else None,
        "buckets": [{"from": start, "to": end, "count": count} for start, end, count in sizes.buckets],
    }
