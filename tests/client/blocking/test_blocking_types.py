"""A user's program without an event loop is typed: what is right is taken, and each mistake is found."""

import re
from pathlib import Path

import pytest
from mypy import api

CACHE = Path(__file__).resolve().parents[3] / ".mypy_cache" / "user"
PROGRAM = """\
import gomq
import gomq.blocking

with gomq.blocking.Producer("localhost:9092") as producer:
    receipt: gomq.Receipt = producer.publish("orders", b"x", key=b"k")
    published: gomq.Published = producer.publish_many("orders", (b"x" for _ in range(3)))
    receipt = producer.publish_nowait("orders", b"x").wait()
with gomq.blocking.Consumer("localhost:9092", "orders", replay=True) as consumer:
    for message in consumer:
        value: bytes | None = message.value
    for batch in consumer.batches(until=consumer.end_offsets()):
        values: list[bytes | None] = [message.value for message in batch.messages]
with gomq.blocking.Admin("localhost:9092") as admin:
    names: list[str] = [topic.name for topic in admin.list_topics()]
    lags: list[int | None] = [offset.lag for offset in admin.group_offsets("workers").values()]
    admin.publish("orders")
    admin.delete_topic(3)
    producer.publish("orders", "text")
"""


@pytest.mark.timeout(150)
def test_a_users_program_is_typed(tmp_path: Path):
    program = tmp_path / "blocking_program.py"
    program.write_text(PROGRAM)
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nstrict = True\nwarn_unreachable = True\n")
    said, trouble, _ = api.run(["--cache-dir", str(CACHE), "--config-file", str(config), str(program)])
    # a message that mypy has kept names the folder of an earlier run
    found = {int(line): words for line, words in re.findall(r"blocking_program\.py:(\d+): error: (.*)", said)}

    assert not trouble
    assert list(found) == [16, 17, 18]
    assert '"Admin" has no attribute "publish"' in found[16]
    assert 'incompatible type "int"; expected "str"' in found[17]
    assert 'incompatible type "str"; expected "bytes | None"' in found[18]
