"""The little of HTTP/1.1 that a scraper and a prober need, as bytes: one GET or HEAD, one answer, the end.

Nothing but the request line is looked at. Whatever else is sent is refused or ignored, and never kept.
"""

import re
from http import HTTPStatus
from typing import Final, NamedTuple

from gomq.errors import GomqError

MAX_HEAD_BYTES: Final = 8192
_LINE: Final = re.compile(rb"([A-Z]{1,16}) (/[\x21-\x7e]{0,1000}) HTTP/1\.[01]", re.ASCII)
TEXT: Final = "text/plain; charset=utf-8"


class HttpRequest(NamedTuple):
    """What is asked for."""

    method: str
    path: str
    """Without what comes behind a question mark."""


class BadRequestError(GomqError):
    """What came is no request that can be answered."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


def read_request(received: bytes) -> HttpRequest | None:
    """Read a request's head; None while it is not complete.

    Raises:
        BadRequestError: it is none, or too long.
    """
    line, end, _ = received.partition(b"\n")
    if not end:
        if len(received) >= MAX_HEAD_BYTES:
            raise BadRequestError(HTTPStatus.REQUEST_URI_TOO_LONG)
        return None
    found = _LINE.fullmatch(line.removesuffix(b"\r"))
    if found is None:
        raise BadRequestError(HTTPStatus.BAD_REQUEST)
    if b"\r\n\r\n" not in received and b"\n\n" not in received:
        if len(received) >= MAX_HEAD_BYTES:
            raise BadRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        return None
    return HttpRequest(found[1].decode(), found[2].decode().partition("?")[0])


def response(status: HTTPStatus, body: bytes, *, content_type: str = TEXT, with_body: bool = True) -> bytes:
    """Lay out an answer, after which the connection is closed.

    Args:
        status: how it went.
        body: what is said.
        content_type: what that is.
        with_body: False for HEAD.
    """
    allow = "Allow: GET, HEAD\r\n" if status is HTTPStatus.METHOD_NOT_ALLOWED else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"{allow}"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    ).encode()
    return head + body if with_body else head
