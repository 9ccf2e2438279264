"""Show records with what they mean, as Kafka's tool does with a decoder.

Apart from ``render.py``, whose records are shown as they are, and fast.
"""

from collections.abc import Iterator
from dataclasses import replace

from gomq_dump.decoders.choosing import Decoder
from gomq_dump.reading.batches import Batch
from gomq_dump.rendering.java_text import header_keys
from gomq_dump.rendering.text import batch_text, sequence, timestamp_type


def decoded_batch_text(batch: Batch, decoder: Decoder) -> str:
    """Make the line of a batch and those of its records, which are none of a control batch's."""
    return "".join((batch_text(replace(batch, records=None)), *_records_text(batch, decoder)))


def _records_text(batch: Batch, decoder: Decoder) -> Iterator[str]:
    header, time_name = batch.header, timestamp_type(batch.header)
    for record in batch.records or ():
        key_text, value_text = decoder.text(record)
        yield (
            f"| offset: {record.offset} {time_name}: {record.timestamp} keySize: {_size(record.key)}"
            f" valueSize: {_size(record.value)} sequence: {sequence(header, record.offset - header.base_offset)}"
            f" headerKeys: [{header_keys(record.headers)}]"
            f"{'' if key_text is None else f' key: {key_text}'}"
            f"{'' if value_text is None else f' payload: {value_text}'}\n"
        )


def _size(data: bytes | None) -> int:
    return -1 if data is None else len(data)
