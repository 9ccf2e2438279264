"""`gomq serve` as its user meets it: a process that starts, says where it is, and stops when it is told to."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from gomq.cli.main import main
from gomq.net.address import parse_address
from tests.support.brokers import GOMQ, broker_process
from tests.support.polling import wait_until
from tests.support.rights import folder_for_all


def ask(*arguments: str, broker: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"GOMQ_BROKER": broker}
    return subprocess.run(
        [*GOMQ, *arguments], input=stdin, capture_output=True, env=environment, timeout=30, check=False
    )


@pytest.mark.parametrize(
    ("loop", "flush"),
    [(("--backend", "asyncio"), "always"), (("--uvloop",), "interval"), (("--backend", "trio"), "never")],
)
def test_messages_survive_a_clean_stop(data: Path, loop: tuple[str, ...], flush: str):
    options = (*loop, "--flush", flush)
    with broker_process(data, *options) as broker:
        assert main(["publish", "orders", "-b", broker.address, __file__]) == 0
        assert broker.terminate() == 0

    with broker_process(data, *options) as broker:
        replayed = ask("subscribe", "orders", "--replay", "--exit", broker=broker.address)

    assert replayed.stdout == Path(__file__).read_bytes()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_and_soon_though_clients_wait(data: Path, backend: str, number: signal.Signals):
    with broker_process(data, "--backend", backend) as broker:
        assert main(["topic", "create", "orders", "-b", broker.address]) == 0
        waiting = subprocess.Popen(
            [*GOMQ, "subscribe", "orders", "-b", broker.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        idle = socket.create_connection(parse_address(broker.address))
        try:
            wait_for_connections(broker.process.pid, at_least=3)
            broker.process.send_signal(number)

            assert broker.process.wait(30) == 0
            assert "connections.cut_off" not in data.with_name("data.stderr").read_text()
        finally:
            waiting.kill()
            waiting.communicate()
            idle.close()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_nohup_keeps_it_running_when_its_terminal_goes(data: Path, backend: str):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does, for what is started next
    try:
        with broker_process(data, "--backend", backend) as broker:
            broker.process.send_signal(signal.SIGHUP)
            assert main(["topic", "create", "orders", "-b", broker.address]) == 0
            assert broker.process.poll() is None
            assert broker.terminate() == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def wait_for_connections(pid: int, *, at_least: int) -> None:
    """Wait until a process has so many sockets besides the one that listens."""
    wait_until(lambda: sockets_of(pid) > at_least, within=30)


def sockets_of(pid: int) -> int:
    count = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # it was closed meanwhile
            count += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
    return count


def test_its_log_is_json_lines_where_nobody_watches(data: Path):
    with broker_process(data) as broker:
        broker.terminate()

    events = [json.loads(line) for line in data.with_name("data.stderr").read_text().splitlines()]
    assert [event["event"] for event in events] == ["broker.started", "broker.stopping", "broker.stopped"]
    assert events[1]["signal"] == "SIGTERM"
    assert events[0]["address"] == broker.address
    assert events[2]["clean"] is True


def fails_to_serve(*arguments: str, listen: str = "127.0.0.1:0") -> str:
    """Run it and return the one line it says."""
    ran = subprocess.run(
        [*GOMQ, "serve", "--listen", listen, *arguments], capture_output=True, timeout=40, check=False
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, b"")
    (line,) = ran.stderr.decode().splitlines()
    return line


def test_a_port_in_use_is_one_line_and_nothing_is_made(data: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        line = fails_to_serve("--data", str(data), listen=address)

    assert line == f"gomq: cannot listen on {address}: the port is in use"
    assert not data.exists()


def test_a_directory_in_use_is_one_line_and_the_first_broker_goes_on(data: Path):
    with broker_process(data) as broker:
        line = fails_to_serve("--data", str(data))

        assert line == f"gomq: data directory {data} is in use by another broker"
        assert ask("publish", "orders", broker=broker.address, stdin=b"x\n").returncode == 0


def test_a_data_directory_that_is_a_file_is_one_line(data: Path):
    data.write_text("precious")

    assert fails_to_serve("--data", str(data)) == f"gomq: data directory {data}: it is not a directory"
    assert data.read_text() == "precious"


def test_a_data_directory_without_a_parent_is_one_line(data: Path):
    assert f"data directory {data}/below: " in fails_to_serve("--data", str(data / "below"))
    assert not data.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up its rights for a test")
def test_a_data_directory_that_cannot_be_written_is_one_line():
    with folder_for_all() as folder:
        data = folder / "data"
        data.mkdir(mode=0o555)
        script = (
            "import os, sys, concurrent.futures.thread, anyio._backends._asyncio;"
            "import gomq.cli.serve.serving;"
            "from gomq.cli.main import main;"
            "os.setuid(65534);"  # from here on it may not be able to import
            f"sys.exit(main(['serve', '--listen', '127.0.0.1:0', '--data', {str(data)!r}]))"
        )

        ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=40, check=False)

        assert ran.returncode == 1
        assert ran.stderr.decode() == f"gomq: data directory {data}: it is not writable\n"
        assert list(data.iterdir()) == []


def test_it_says_where_clients_find_each_listener(data: Path, capfdbinary: pytest.CaptureFixture[bytes]):
    listen = "INTERNAL://127.0.0.1:0,EXTERNAL://127.0.0.1:0"
    with broker_process(data, "--advertise", "EXTERNAL://localhost", listen=listen) as broker:
        internal, external = map(parse_address, broker.address.split(","))

        assert (internal.host, external.host) == ("127.0.0.1", "localhost")
        assert internal.port != external.port
        for address in (internal, external):
            assert main(["publish", "orders", "-b", str(address), __file__]) == 0
        assert main(["subscribe", "orders", "--replay", "--exit", "-b", broker.address]) == 0
    assert capfdbinary.readouterr().out == Path(__file__).read_bytes() * 2


def test_what_is_published_is_not_in_the_log_however_much_is_logged(data: Path, tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("do-not-tell:do-not-tell\n")
    with broker_process(data, "--log-level", "debug") as broker:
        assert main(["publish", "orders", "-b", broker.address, "-K", ":", str(secret)]) == 0
        with socket.create_connection(parse_address(broker.address)) as peer:
            peer.sendall(b"\0\0\0\x20\0\0\0\x09" + b"do-not-tell" * 4)
            peer.settimeout(10)
            assert peer.recv(100) == b""
        assert broker.terminate() == 0

    log = data.with_name("data.stderr").read_text()
    assert "connection.closed" in log
    assert "do-not-tell" not in log


def test_it_says_where_metrics_are_answered(data: Path):
    with broker_process(data, "--metrics-listen", "127.0.0.1:0") as broker:
        assert broker.process.stdout is not None
        name, _, address = broker.process.stdout.readline().decode().strip().partition("=")
        assert name == "METRICS"
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert b"\ngomq_ready 1\n" in answer.read()


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_a_second_signal_ends_it_at_once(data: Path, backend: str):
    with broker_process(data, "--backend", backend, "--stop-timeout", "60") as broker:
        assert main(["topic", "create", "orders", "-b", broker.address]) == 0
        broker.process.send_signal(signal.SIGSTOP)  # so that both are there before either is taken
        broker.process.send_signal(signal.SIGINT)
        broker.process.send_signal(signal.SIGTERM)
        broker.process.send_signal(signal.SIGCONT)

        assert broker.process.wait(30) in {128 + signal.SIGTERM, 128 + signal.SIGINT}


@pytest.mark.parametrize(
    ("environment", "has_colours"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_its_log_has_colours_on_a_terminal_unless_somebody_minds(
    tmp_path: Path, environment: dict[str, str], has_colours: bool
):
    screen, terminal = pty.openpty()
    usual = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    with open(screen, "rb", buffering=0) as shown:
        process = subprocess.Popen(
            [*GOMQ, "serve", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=terminal, env=usual | environment,
        )  # fmt: skip
        os.close(terminal)
        assert process.stdout is not None
        with process.stdout as out:
            assert out.readline().startswith(b"BROKERS=")
        process.terminate()
        seen = b""
        with suppress(OSError):  # once nobody writes to it any more
            while part := shown.read(4096):
                seen += part

    assert process.wait(30) == 0
    assert b"broker.started" in seen
    assert (b"\x1b[" in seen) is has_colours
