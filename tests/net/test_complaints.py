"""No peer fills the log, and none forges a line of it."""

from hypothesis import given, strategies as st

from gomq.net.complaints import Complaints, printable


def test_a_flood_is_told_a_few_times_and_then_counted():
    complaints = Complaints(burst=3, seconds_each=10)
    assert [complaints.take("a", 0) for _ in range(5)] == [0, 0, 0, None, None]
    assert complaints.take("b", 0) == 0, "others are not kept silent by it"
    assert complaints.take("a", 10) == 2, "how many were not told"
    assert complaints.take("a", 10) is None
    assert complaints.take("a", 40) == 1


def test_many_peers_together_cannot_flood_it_either():
    complaints = Complaints(burst=5, seconds_each=1, burst_of_all=50, max_peers=10)
    told = sum(complaints.take(f"192.0.2.{number}", 0) is not None for number in range(1000))
    assert told == 50
    assert len(complaints._peers) == 10


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3)), max_size=200))
def test_in_no_time_more_is_told_than_is_allowed(events: list[tuple[str, float]]):
    complaints = Complaints(burst=4, seconds_each=2)
    now, told = 0.0, dict.fromkeys("abc", 0)
    silent = dict.fromkeys("abc", 0)
    for peer, pause in events:
        now += pause
        said = complaints.take(peer, now)
        if said is None:
            silent[peer] += 1
        else:
            assert said == silent[peer]
            silent[peer] = 0
            told[peer] += 1
    assert all(count <= 4 + now / 2 + 1e-6 for count in told.values())


@given(st.text(max_size=1000))
def test_whatever_a_peer_says_is_one_short_printable_line(text: str):
    line = printable(text)
    assert line.isprintable()
    assert len(line) <= 3100
    if text.isprintable() and len(text) <= 300:
        assert line == text


def test_controls_are_seen_for_what_they_are():
    assert printable("a\r\nb\x1b[31m") == "a\\r\\nb\\x1b[31m"
    assert printable(ValueError("x" * 1000)) == "x" * 297 + "..."
