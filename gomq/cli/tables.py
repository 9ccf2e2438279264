"""Plain tables: aligned columns under upper-case headings, as ``kafka-consumer-groups`` prints them."""

from collections.abc import Sequence


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose columns are as wide as their longest cell; columns of numbers are aligned to the right."""
    columns = list(zip(headings, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [_is_numeric(column[1:]) for column in columns]
    for row in (headings, *rows):
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        print("  ".join(cells).rstrip())


def _is_numeric(cells: Sequence[str]) -> bool:
    return any(cell.isdecimal() for cell in cells) and all(cell.isdecimal() or cell == "-" for cell in cells)
