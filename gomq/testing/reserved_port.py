"""A port that stays a test's own while its broker is down."""

import socket
from typing import Final

HOST: Final = "127.0.0.1"


class ReservedPort:
    """A port of this machine that the kernel gives to nobody else until ``close``.

    A socket is bound to it that never listens: who connects is refused, as where there is nothing; who binds to it with
    ``SO_REUSEADDR``, as the broker does, may listen. Without it, a client that tries again and again to reach a broker
    that is down may be given the broker's port for its own side, and then is connected with itself.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((HOST, 0))
        except OSError:
            self._socket.close()
            raise

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"{HOST}:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        """Let others have it."""
        self._socket.close()
