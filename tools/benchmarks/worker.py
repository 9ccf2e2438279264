"""The process behind ``run_job``: ``python -m benchmarks.worker JOB``. One job, one line of JSON, end."""

import importlib
import json
import sys
from collections.abc import Callable

from benchmarks.job import Job
from benchmarks.results import Figures, MeasurementError


def main() -> None:
    """Do the job that the only argument describes."""
    job = Job(**json.loads(sys.argv[1]))
    operations: dict[str, Callable[[Job], Figures]] = importlib.import_module(f"benchmarks.{job.module}").OPERATIONS
    try:
        figures = operations[job.operation](job)
    except MeasurementError as error:
        sys.exit(str(error))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
