"""What the operating system says of this process, under the names that every Prometheus client uses."""

import os
import resource
import time
from collections.abc import Iterator
from typing import Final

from gomq.broker.monitoring.exposition import Family, one

_STARTED: Final = time.time()
"""When this was imported, which is while the broker starts."""


def process_families() -> Iterator[Family]:
    """Describe the process; what a system does not tell is left out."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime
    yield one("process_cpu_seconds_total", "counter", "CPU time of the process, user and system.", cpu)
    yield one("process_start_time_seconds", "gauge", "When the process started, since 1970.", _STARTED)
    try:
        with open("/proc/self/statm", "rb") as file:
            total, resident = file.read().split()[:2]
        descriptors = len(os.listdir("/proc/self/fd")) - 1  # one of them reads the directory
    except OSError:  # no Linux
        return
    page = resource.getpagesize()
    yield one("process_resident_memory_bytes", "gauge", "Memory in use.", int(resident) * page)
    yield one("process_virtual_memory_bytes", "gauge", "Address space in use.", int(total) * page)
    yield one("process_open_fds", "gauge", "File descriptors in use.", descriptors)
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY:
        yield one("process_max_fds", "gauge", "File descriptors that may be in use.", most)
