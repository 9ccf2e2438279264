"""The bytes of one request of every API and version that is served, as they were once written down.

They change with nothing: not with a new kio, nor with what is done to the encoders. After an API or a version was
added: python -m tests.protocol.test_golden_requests
"""

from pathlib import Path

import pytest

from gomq.protocol.api import SERVED, Api
from gomq.protocol.requests import decode_request, read_head
from tests.support.corpus import sample_request

GOLDEN = Path(__file__).with_name("golden_requests.txt")
SIZE_BYTES = 4
VERSIONS = [(api, version) for api, versions in SERVED.items() for version in range(versions[0], versions[1] + 1)]


def written_down() -> dict[tuple[int, int], bytes]:
    """Read API key, version and bytes of each line."""
    lines = (line.split() for line in GOLDEN.read_text().splitlines())
    return {(int(api), int(version)): bytes.fromhex(frame) for api, version, frame in lines}


def test_every_version_that_is_served_is_written_down():
    assert written_down().keys() == set(VERSIONS)


@pytest.mark.parametrize(("api", "version"), VERSIONS, ids=str)
def test_a_request_is_encoded_and_decoded_as_ever(api: Api, version: int):
    frame = written_down()[api, version]
    again = sample_request(api, version)

    assert again == frame
    body = memoryview(frame)[SIZE_BYTES:].toreadonly()
    assert int.from_bytes(frame[:SIZE_BYTES]) == len(body)
    head = read_head(body)
    assert (head.api_key, head.version) == (api, version)
    decode_request(body, api, version)


if __name__ == "__main__":
    GOLDEN.write_text("".join(f"{api:d} {version} {sample_request(api, version).hex()}\n" for api, version in VERSIONS))
