"""Plain tables: aligned columns under upper-case headings, as ``kafka-consumer-groups`` prints them."""

from collections.abc import Sequence


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose columns are as wide as their longest cell; columns of numbers are aligned to the right."""
    shown = [[printable(cell) for cell in row] for row in rows]
    columns = list(zip(headings, *shown, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [_is_numeric(column[1:]) for column in columns]
    for row in (headings, *shown):
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        print("  ".join(cells).rstrip())


def printable(text: str) -> str:
    """Write ends of lines and control characters as Python has them: anybody may name a group so, for a terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _is_numeric(cells: Sequence[str]) -> bool:
    return any(cell.isdecimal() for cell in cells) and all(cell.isdecimal() or cell == "-" for cell in cells)
