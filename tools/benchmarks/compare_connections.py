"""Part 7: many connections that publish slowly beside one that does, and how soon a new group has its first message."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Final

from benchmarks.compare_brokers import start_all
from benchmarks.compare_clients import AIOKAFKA, CONFLUENT, client_jobs
from benchmarks.contestants import PEER
from benchmarks.job import Job, run_job
from benchmarks.plan import Bench, interleave, progress
from benchmarks.processes import BrokerProcess, BrokerSpec
from benchmarks.results import Figures
from benchmarks.topics import temporary_topic

CONNECTIONS: Final = "connections"
FIRST_MESSAGE: Final = "groups.first_message"
CLIENTS_FIRST_MESSAGE: Final = "groups.clients_first_message"
ONE: Final = "one connection"
MANY: Final = "many connections"
_GROUP_PATIENCE_S: Final = 60.0
_SECONDS: Final = 2.0
"""Of publishing slowly: every one of the connections has its turn."""


def compare_connections(bench: Bench, spec: BrokerSpec) -> None:
    """Measure one connection and many, in turn, against one broker."""
    count = bench.pace.connections
    progress(f"{count:,} connections")
    bench.results.describe(
        CONNECTIONS,
        f"{spec.name}: 500 publishes of 100 bytes a second, acks=all, over one connection or {count:,}",
        base=ONE,
    )
    with ExitStack() as stack:
        for broker in start_all(bench, stack, [spec]):
            turns = {
                name: partial(_publish_slowly, bench, broker, connections=number)
                for name, number in ((ONE, 1), (MANY, count))
            }
            interleave(bench, turns)


def compare_first_messages(bench: Bench, specs: Sequence[BrokerSpec]) -> None:
    """Measure how soon a new group's first message is there: from each broker; by each client from the first."""
    progress("first message of a group")
    bench.results.describe(
        FIRST_MESSAGE, "confluent-kafka: from subscribing as a new group to the first message", base=PEER
    )
    clients = client_jobs("first_messages_of_groups")
    by_confluent = clients[CONFLUENT].to("first_message_of_a_group")
    with ExitStack() as stack:
        brokers = start_all(bench, stack, specs)
        interleave(
            bench, {broker.name: partial(_first_message, broker, by_confluent, FIRST_MESSAGE) for broker in brokers}
        )
        for broker in brokers[:1]:
            bench.results.describe(
                CLIENTS_FIRST_MESSAGE,
                f"Clients against {broker.name}: from entering as a new group to the first message, and once more",
                base=AIOKAFKA,
            )
            turns = {name: partial(_first_message, broker, job, CLIENTS_FIRST_MESSAGE) for name, job in clients.items()}
            interleave(bench, turns)


def _publish_slowly(bench: Bench, broker: BrokerProcess, *, connections: int) -> dict[str, Figures]:
    job = Job(module="load_connections", operation="publish_slowly", connections=connections, seconds=_SECONDS)
    with temporary_topic(broker) as topic:
        return {CONNECTIONS: run_job(job.at(broker.address, topic), timeout_s=bench.pace.timeout_s)}


def _first_message(broker: BrokerProcess, client: Job, case: str) -> dict[str, Figures]:
    job = replace(client, seconds=_GROUP_PATIENCE_S)
    with temporary_topic(broker) as topic:
        return {case: run_job(job.at(broker.address, topic), timeout_s=2 * _GROUP_PATIENCE_S)}
