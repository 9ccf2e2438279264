"""Batches are byte for byte those of other people's encoders, in both directions."""

import warnings

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy as AiokafkaBuilder
from aiokafka.record.memory_records import MemoryRecords as AiokafkaRecords
from hypothesis import given, settings, strategies as st

from gomq_storage.batch import HEADER_SIZE, check_batch, stamp
from gomq_storage.compression import Codec
from gomq_storage.record import NewRecord, Record, build_batch, decode_batch, encode_batch, encode_records

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of the standard library, which it uses in the old way
    from kafka.record.default_records import DefaultRecordBatchBuilder as KafkaPythonBuilder
    from kafka.record.memory_records import MemoryRecords as KafkaPythonRecords

BUILDERS = [pytest.param(KafkaPythonBuilder, id="kafka-python"), pytest.param(AiokafkaBuilder, id="aiokafka")]
READERS = {KafkaPythonBuilder: KafkaPythonRecords, AiokafkaBuilder: AiokafkaRecords}
# kafka-python reads and writes the other codecs only where it finds libraries that aiokafka does not need.
CODECS = [
    *(pytest.param(AiokafkaBuilder, codec, id=f"aiokafka-{codec.name}") for codec in Codec),
    *(pytest.param(KafkaPythonBuilder, codec, id=f"kafka-python-{codec.name}") for codec in (Codec.NONE, Codec.GZIP)),
]
NOW = 1_700_000_000_000

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
fields = st.binary(max_size=5) | st.binary(min_size=62, max_size=66)
records_of_any_form = st.lists(
    st.builds(
        NewRecord,
        value=st.none() | fields,
        key=st.none() | fields,
        headers=st.lists(st.tuples(texts, st.none() | fields), max_size=3).map(tuple),
        timestamp=st.integers(0, 100) | st.integers(0, 2**45),
    ),
    min_size=1,
    max_size=12,
)


def theirs(builder: type, records: list[NewRecord], codec: Codec = Codec.NONE, **producer: int) -> bytes:
    """Let another library build the batch."""
    known = {"producer_id": -1, "producer_epoch": -1, "base_sequence": -1, "is_transactional": 0} | producer
    batch = builder(magic=2, compression_type=int(codec), batch_size=1 << 30, **known)
    for offset, record in enumerate(records):
        batch.append(offset, record.timestamp, record.key, record.value, list(record.headers))
    return bytes(batch.build())


def expected(records: list[NewRecord]) -> list[Record]:
    return [
        Record(offset, each.timestamp or 0, each.key, each.value, each.headers) for offset, each in enumerate(records)
    ]


@pytest.mark.parametrize("builder", BUILDERS)
@settings(max_examples=60)
@given(records=records_of_any_form)
def test_an_uncompressed_batch_is_the_same_bytes(builder: type, records: list[NewRecord]):
    ours = encode_batch(records, now_ms=NOW)
    other = theirs(builder, records)

    # They write leader epoch 0 or -1, which brokers overwrite and the CRC leaves out.
    assert stamp(check_batch(ours), base_offset=0, leader_epoch=0) + ours[16:] == other[:12] + bytes(4) + other[16:]


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_producers_identity_is_where_they_have_it(builder: type):
    records = [NewRecord(b"v", timestamp=NOW)]
    ours = build_batch(
        encode_records(records, base_timestamp=NOW), record_count=1, base_timestamp=NOW, max_timestamp=NOW,
        producer_id=4000, producer_epoch=7, base_sequence=99, leader_epoch=0,
    )  # fmt: skip

    other = theirs(builder, records, producer_id=4000, producer_epoch=7, base_sequence=99)
    assert ours == other[:12] + bytes(4) + other[16:]


@pytest.mark.parametrize(("builder", "codec"), CODECS)
@settings(max_examples=15)
@given(records=records_of_any_form)
def test_we_read_what_they_write_in_every_codec(builder: type, codec: Codec, records: list[NewRecord]):
    batch = theirs(builder, records * 20, codec)

    header = check_batch(batch)

    assert decode_batch(batch, header) == expected(records * 20)
    assert header.max_timestamp == max(record.timestamp or 0 for record in records)
    assert header.codec in {codec, Codec.NONE}  # they leave out compression that does not pay


@pytest.mark.parametrize(("builder", "codec"), CODECS)
@settings(max_examples=15)
@given(records=records_of_any_form)
def test_they_read_what_we_write_in_every_codec(builder: type, codec: Codec, records: list[NewRecord]):
    stream = READERS[builder](encode_batch(records * 20, now_ms=NOW, codec=codec))

    batch = stream.next_batch()
    assert batch.validate_crc()
    found = [Record(each.offset, each.timestamp, each.key, each.value, tuple(each.headers)) for each in batch]

    assert found == expected(records * 20)


def test_these_bytes_stay_as_they_are():
    """Two records laid out by hand: the second a millisecond later, with nothing in it."""
    batch = encode_batch(
        [NewRecord(b"value", b"key", (("h", b"\x01"),), NOW), NewRecord(None, timestamp=NOW + 1)], now_ms=NOW
    )

    assert batch[:17] == bytes.fromhex("0000000000000000 0000004b ffffffff 02")
    assert batch[21:HEADER_SIZE] == bytes.fromhex(
        "0000 00000001 0000018bcfe56800 0000018bcfe56801 ffffffffffffffff ffff ffffffff 00000002"
    )
    assert batch[HEADER_SIZE:] == bytes.fromhex(
        "24 00 00 00 06 6b6579 0a 76616c7565 02 02 68 02 01"  # length 18; deltas 0, 0; key, value, one header
        "0c 00 02 02 01 01 00"  # length 6; deltas 1, 1; neither key nor value nor headers
    )
