"""The table of latest offsets: a dictionary with a bound, whatever the keys are."""

import tracemalloc

import pytest
from hypothesis import given, strategies as st

from gomq_storage.key_map import KEY_BYTES, MAX_KEY_SIZE, NO_OFFSET, KeyMap

KEYS = st.one_of(st.binary(max_size=3), st.binary(min_size=MAX_KEY_SIZE - 1, max_size=MAX_KEY_SIZE + 2))


@given(st.lists(st.lists(KEYS, max_size=8)), st.integers(1, 12))
def test_it_says_what_a_dictionary_says_until_it_is_full(groups: list[list[bytes]], most: int):
    key_map, model, offset = KeyMap(most * KEY_BYTES), dict[bytes, int](), 0
    for keys in groups:
        fitted = key_map.put_all(keys, range(offset, offset + len(keys)))
        for number, key in enumerate(keys[:fitted]):
            model[key] = offset + number
        offset += len(keys)
        if fitted < len(keys):
            assert len(model) == most
            assert keys[fitted] not in model
            break

    assert len(key_map) == len(model)
    assert key_map.is_full == (len(model) == most)
    everything = [key for keys in groups for key in keys]
    assert key_map.latest_of(everything) == [model.get(key, NO_OFFSET) for key in everything]
    assert [key_map.latest(key) for key in everything] == key_map.latest_of(everything)


def test_a_full_map_still_takes_keys_that_it_has():
    key_map = KeyMap(2 * KEY_BYTES)
    assert key_map.put(b"a", 1)
    assert key_map.put(b"b", 2)

    assert not key_map.put(b"c", 3)
    assert key_map.put(b"a", 4)
    assert (key_map.latest(b"a"), key_map.latest(b"c")) == (4, NO_OFFSET)


def test_a_message_without_a_key_has_no_latest():
    assert KeyMap(KEY_BYTES).latest_of([None]) == [NO_OFFSET]


def test_no_key_is_taken_for_the_digest_of_another():
    key_map = KeyMap(1000 * KEY_BYTES)
    key_map.put(b"x" * 100, 7)

    (digest,) = (key for part in key_map._parts for key in part)
    assert isinstance(digest, int)
    assert key_map.latest(digest.to_bytes(16, "big")) == NO_OFFSET


def test_an_emptied_map_is_as_good_as_new():
    key_map = KeyMap(KEY_BYTES)
    key_map.put(b"a", 5)
    key_map.end = 6

    key_map.clear()

    assert (len(key_map), key_map.end, key_map.latest(b"a")) == (0, 0, NO_OFFSET)


def test_it_must_hold_a_key():
    with pytest.raises(ValueError, match="a key takes"):
        KeyMap(KEY_BYTES - 1)


@pytest.mark.parametrize("size", [8, MAX_KEY_SIZE, 1000])
@pytest.mark.parametrize("count", [25_000, 60_000])
def test_a_key_takes_no_more_memory_than_it_counts(size: int, count: int):
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        key_map = KeyMap(count * KEY_BYTES)
        for number in range(count):
            key_map.put(number.to_bytes(8, "big").ljust(size, b"."), 10**12 + number)
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert key_map.is_full
    assert used <= count * KEY_BYTES
