"""Three real Kafka nodes, each broker and controller, that can be killed and started one by one."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.kafka import CLUSTER_ID, READY_SECONDS, STOP_SECONDS, free_ports, java, wait_until_it_listens

NODES = (1, 2, 3)


class KafkaCluster:
    """Nodes 1, 2 and 3, formatted and not running; ``rack1`` is where node 1 is.

    Args:
        directory: what they keep goes below it.
    """

    def __init__(self, directory: Path) -> None:
        ports = free_ports(2 * len(NODES))
        self._directory = directory
        self._ports = dict(zip(NODES, ports, strict=False))
        self._controllers = dict(zip(NODES, ports[len(NODES) :], strict=True))
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        formatting = [self._format(node) for node in NODES]
        for process in formatting:
            printed, _ = process.communicate(timeout=READY_SECONDS)
            assert process.returncode == 0, printed.decode(errors="replace")

    @property
    def address(self) -> str:
        """Of all nodes."""
        return ",".join(f"127.0.0.1:{port}" for port in self._ports.values())

    def start_all(self) -> None:
        """Start all nodes together, and wait until they take connections."""
        for node in NODES:
            self._launch(node)
        for node in NODES:
            self._wait_for(node)

    def start(self, node: int) -> None:
        """Start a node again, and wait until it takes connections."""
        self._launch(node)
        self._wait_for(node)

    def kill(self, node: int) -> None:
        """Have a node end at once, as after a crash."""
        process = self._running.pop(node)
        process.kill()
        process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """End what still runs."""
        with ExitStack() as each:
            for node in list(self._running):
                each.callback(self.kill, node)

    def _launch(self, node: int) -> None:
        with self._output(node).open("ab") as output:
            command = java("kafka.Kafka", str(self._properties(node)), heap="400m")
            self._running[node] = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, cwd=self._directory
            )

    def _wait_for(self, node: int) -> None:
        wait_until_it_listens(self._running[node], self._ports[node], self._output(node))

    def _format(self, node: int) -> subprocess.Popen[bytes]:
        self._properties(node).write_text("".join(f"{name}={value}\n" for name, value in self._settings(node).items()))
        options = ("format", "--cluster-id", CLUSTER_ID, "--config", str(self._properties(node)))
        command = java("kafka.tools.StorageTool", *options)
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def _settings(self, node: int) -> dict[str, str]:
        return {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "controller.quorum.voters": ",".join(f"{each}@127.0.0.1:{self._controllers[each]}" for each in NODES),
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "listeners": f"PLAINTEXT://127.0.0.1:{self._ports[node]},CONTROLLER://127.0.0.1:{self._controllers[node]}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._ports[node]}",
            "log.dirs": str(self._directory / f"data-{node}"),
            "log.index.size.max.bytes": "65536",
            "broker.rack": f"rack{node}",
            "replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector",
            "broker.session.timeout.ms": "6000",
            "default.replication.factor": "3",
            "min.insync.replicas": "2",
            "offsets.topic.replication.factor": "3",
            "offsets.topic.num.partitions": "3",
            "group.initial.rebalance.delay.ms": "0",
        }

    def _properties(self, node: int) -> Path:
        return self._directory / f"node-{node}.properties"

    def _output(self, node: int) -> Path:
        return self._directory / f"node-{node}.out"


@contextmanager
def run_kafka_cluster(directory: Path) -> Iterator[KafkaCluster]:
    """Run three nodes until the block ends."""
    cluster = KafkaCluster(directory)
    try:
        cluster.start_all()
        yield cluster
    finally:
        cluster.stop()
