"""``gomq bench``: a broker measured from the outside."""

from gomq.cli.bench.command import bench as bench
