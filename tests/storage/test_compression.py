"""The four codecs read what others write, and never become larger than the reader allows."""

import gzip
import struct
import tracemalloc

import cramjam
import pytest
from aiokafka import codec as aiokafka_codec
from hypothesis import given, strategies as st

from gomq_storage.compression import Codec, codec_of, compress, decompress, may_be
from gomq_storage.errors import CorruptBatchError, DecompressedTooLargeError, UnsupportedCodecError

MIB = 1 << 20
codecs = st.sampled_from(list(Codec))
real_codecs = pytest.mark.parametrize("codec", [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD], ids=lambda c: c.name)
repetitive = st.builds(lambda part, times: part * times, st.binary(max_size=9), st.integers(0, 20_000))
payloads = st.binary(max_size=2000) | repetitive
THEIRS = {
    Codec.GZIP: (aiokafka_codec.gzip_encode, aiokafka_codec.gzip_decode),
    Codec.SNAPPY: (aiokafka_codec.snappy_encode, aiokafka_codec.snappy_decode),
    Codec.LZ4: (aiokafka_codec.lz4_encode, aiokafka_codec.lz4_decode),
    Codec.ZSTD: (aiokafka_codec.zstd_encode, aiokafka_codec.zstd_decode),
}


def zstd_frame(*, declared: int, window: int, blocks: bytes) -> bytes:
    """Lay out a zstd frame (RFC 8878) that says what it likes of its content's size and its window."""
    return struct.pack("<IBBQ", 0xFD2FB528, 0b1100_0000, window, declared) + blocks


def zstd_run(size: int, *, last: bool) -> bytes:
    """Lay out a zstd block that stands for ``size`` equal bytes."""
    return (size << 3 | 1 << 1 | last).to_bytes(3, "little") + b"\0"


@given(codecs, payloads)
def test_what_is_compressed_is_decompressed(codec: Codec, data: bytes):
    assert decompress(codec, compress(codec, data)) == data


@real_codecs
def test_aiokafka_reads_what_we_write_and_we_what_it_writes(codec: Codec):
    encode, decode = THEIRS[codec]
    for data in (b"x", b"some text, some text, " * 9000, bytes(range(256)) * 300):
        assert decode(compress(codec, data)) == data
        assert decompress(codec, encode(data)) == data


def test_snappy_is_read_in_both_framings():
    data = b"some text, some text, " * 9000

    assert decompress(Codec.SNAPPY, bytes(cramjam.snappy.compress_raw(data))) == data
    assert compress(Codec.SNAPPY, data).startswith(b"\x82SNAPPY\x00\0\0\0\1\0\0\0\1")


def test_an_lz4_frame_has_blocks_that_stand_alone_and_no_content_checksum():
    flags = compress(Codec.LZ4, b"x" * 200_000)[4]

    assert flags >> 6 == 1
    assert flags & 0b10_0000, "blocks are linked"
    assert not flags & 0b100, "there is a content checksum"


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.LZ4, Codec.ZSTD], ids=lambda codec: codec.name)
def test_several_frames_behind_each_other_are_one_stream(codec: Codec):
    assert decompress(codec, compress(codec, b"first ") + compress(codec, b"second")) == b"first second"


@real_codecs
@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 300_000])
def test_the_cap_is_the_last_size_that_is_allowed(codec: Codec, size: int):
    packed = compress(codec, bytes(size))

    assert decompress(codec, packed, max_bytes=size) == bytes(size)
    if size:
        with pytest.raises(DecompressedTooLargeError) as raised:
            decompress(codec, packed, max_bytes=size - 1)
        assert raised.value.max_bytes == size - 1


def bombs() -> list[tuple[str, Codec, bytes]]:
    """Make small inputs that want to become huge, or say that they will."""
    zeros = bytes(64 * MIB)
    raw_snappy = bytes(cramjam.snappy.compress_raw(zeros))
    xerial = b"\x82SNAPPY\x00\0\0\0\1\0\0\0\1"
    block = len(raw_snappy).to_bytes(4, "big") + raw_snappy
    small = bytes(cramjam.snappy.compress_raw(bytes(MIB)))
    member = gzip.compress(bytes(2 * MIB), 9)
    runs = b"".join(zstd_run(1 << 17, last=number == 511) for number in range(512))
    return [
        ("gzip", Codec.GZIP, gzip.compress(zeros, 9)),
        ("gzip-members", Codec.GZIP, member * 32),
        ("snappy", Codec.SNAPPY, raw_snappy),
        ("snappy-declares-4-gib", Codec.SNAPPY, b"\xff\xff\xff\xff\x0f" + b"\0\0"),
        ("xerial", Codec.SNAPPY, xerial + block),
        ("xerial-many-blocks", Codec.SNAPPY, xerial + (len(small).to_bytes(4, "big") + small) * 64),
        ("xerial-declares-4-gib", Codec.SNAPPY, xerial + b"\0\0\0\7" + b"\xff\xff\xff\xff\x0f\0\0"),
        ("lz4", Codec.LZ4, compress(Codec.LZ4, zeros)),
        ("lz4-frames", Codec.LZ4, compress(Codec.LZ4, bytes(2 * MIB)) * 32),
        ("zstd", Codec.ZSTD, compress(Codec.ZSTD, zeros)),
        ("zstd-frames", Codec.ZSTD, compress(Codec.ZSTD, bytes(2 * MIB)) * 32),
        ("zstd-declares-nothing-much", Codec.ZSTD, zstd_frame(declared=1, window=0x50, blocks=runs)),
        ("zstd-declares-2-to-the-60", Codec.ZSTD, zstd_frame(declared=2**60, window=0x50, blocks=runs)),
    ]


@pytest.mark.parametrize(("codec", "bomb"), [pytest.param(*bomb[1:], id=bomb[0]) for bomb in bombs()])
def test_a_bomb_is_refused_without_taking_the_memory(codec: Codec, bomb: bytes):
    tracemalloc.start()
    try:
        with pytest.raises(CorruptBatchError):
            decompress(codec, bomb, max_bytes=4 * MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 6 * MIB


@pytest.mark.parametrize("window", [0x50, 0xA8, 0xF8], ids=["1-mib", "2-gib", "2-tib"])
@pytest.mark.parametrize("declared", [0, 1, 3, 5, 2**31, 2**64 - 1])
def test_a_zstd_frame_that_lies_of_itself_gives_its_bytes_or_an_error(declared: int, window: int):
    frame = zstd_frame(declared=declared, window=window, blocks=zstd_run(4, last=True))

    try:
        found = decompress(Codec.ZSTD, frame, max_bytes=MIB)
    except CorruptBatchError:
        return
    assert found == bytes(4)


@real_codecs
def test_every_cut_of_compressed_data_is_noticed(codec: Codec):
    packed = compress(codec, b"some text, some other text" * 20)
    read = [size for size in range(len(packed)) if _is_read(codec, packed[:size])]

    # A snappy stream says nothing of its own length: an end between its header and a block is an end.
    assert read == ([16] if codec is Codec.SNAPPY else [])


def _is_read(codec: Codec, data: bytes) -> bool:
    try:
        decompress(codec, data)
    except CorruptBatchError:
        return False
    return True


@given(codecs.filter(bool), st.binary(max_size=200))
def test_bytes_that_no_codec_wrote_are_refused_or_small(codec: Codec, data: bytes):
    try:
        found = decompress(codec, data, max_bytes=MIB)
    except CorruptBatchError:
        return
    assert len(found) <= MIB


@given(codecs.filter(bool), st.binary(min_size=1, max_size=300), st.data())
def test_damaged_data_is_refused_or_small(codec: Codec, content: bytes, data: st.DataObject):
    packed = bytearray(compress(codec, content * 20))
    position = data.draw(st.integers(0, len(packed) - 1))
    packed[position] ^= data.draw(st.integers(1, 255))

    try:
        found = decompress(codec, bytes(packed), max_bytes=MIB)
    except CorruptBatchError:
        return
    assert len(found) <= MIB


@pytest.mark.parametrize("size", [0, 1000, 2**31 - 1, 2**32 - 1])
def test_a_snappy_block_that_is_not_there_is_refused(size: int):
    stream = compress(Codec.SNAPPY, b"good") + size.to_bytes(4, "big") + b"abc"

    with pytest.raises(CorruptBatchError, match="snappy block"):
        decompress(Codec.SNAPPY, stream)


@pytest.mark.parametrize("number", [5, 6, 7])
def test_a_codec_that_kafka_has_not_defined_is_refused_by_number(number: int):
    with pytest.raises(UnsupportedCodecError) as raised:
        codec_of(0b1111_1000 | number)

    assert raised.value.codec == number


@given(codecs, st.integers(-(2**12), 2**12 - 1))
def test_only_the_lowest_three_bits_of_the_attributes_name_the_codec(codec: Codec, others: int):
    assert codec_of(others << 3 | codec) is codec


@given(codecs, payloads)
def test_the_start_of_what_a_codec_wrote_is_known_as_such(codec: Codec, data: bytes):
    assert may_be(codec, compress(codec, data)[:5])


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.LZ4, Codec.ZSTD], ids=lambda codec: codec.name)
def test_what_another_codec_wrote_or_none_is_known_as_well(codec: Codec):
    for start in (
        b"",
        compress(codec, b"x")[:1],
        b"plain",
        *(compress(each, b"x")[:5] for each in Codec if each != codec),
    ):
        assert not may_be(codec, start)


def test_an_lz4_frame_of_linked_blocks_does_not_count():
    compressor = cramjam.lz4.Compressor(content_checksum=False, block_linked=True)
    compressor.compress(b"text " * 100)

    assert not may_be(Codec.LZ4, bytes(compressor.finish())[:5])
