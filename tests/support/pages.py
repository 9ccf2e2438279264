"""The Markdown of this repository: its pages, what they link to, the commands and the Python they show."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/*.md", "storage/*.md", "tools/*.md")
    for path in REPOSITORY.glob(pattern)
)
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OPERATORS = "|&;<>()"


class Command(NamedTuple):
    """A command line of ours that a page shows."""

    words: tuple[str, ...]
    is_whole: bool
    """Whether it stands in a block, to be typed as it is; in a sentence only its beginning may be named."""

    def __str__(self) -> str:
        return shlex.join(self.words)


def name_of(page: Path) -> str:
    """Name a page as its path in this repository."""
    return str(page.relative_to(REPOSITORY))


def links(page: Path) -> Iterator[str]:
    """Yield where a page links to, outside of what it shows as code."""
    text = re.sub(r"`[^`\n]*`", "", _without_blocks(page.read_text()))
    yield from re.findall(r"\]\(([^)\s]+)\)", text)


def anchors(page: Path) -> set[str]:
    """Name the headings of a page as GitHub does in links."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def python_blocks(page: Path) -> list[str]:
    """Find what a page shows in Python."""
    return blocks(page.read_text(), "python")


def blocks(text: str, language: str) -> list[str]:
    """Find the fenced blocks in a language."""
    return [body for found, body in _FENCED.findall(text) if found == language]


def commands(page: Path) -> Iterator[Command]:
    """Yield the ``gomq`` and ``gomq-dump`` commands that a page shows."""
    text = page.read_text()
    typed = ["\n".join(re.findall(r"^\$ (.*)$", body, re.MULTILINE)) for body in blocks(text, "console")]
    for block in [
        *typed,
        *blocks(text, "sh"),
        *re.findall(r"(?:^    .*\n|^ *\n)+", _FENCED.sub("", text), re.MULTILINE),
    ]:
        for line in block.replace("\\\n", " ").splitlines():
            yield from _commands_in(line.strip(), is_whole=True)
    for inline in re.findall(r"`(gomq(?:-dump)? [^`\n]+)`", _without_blocks(text)):
        yield from _commands_in(inline, is_whole=False)


def _without_blocks(text: str) -> str:
    return re.sub(r"^    .*$", "", _FENCED.sub("", text), flags=re.MULTILINE)


def _commands_in(line: str, *, is_whole: bool) -> Iterator[Command]:
    """Find ours among the commands that pipes put together, without redirections and what is said beside them."""
    if not re.search(r"(^|[\s(=])gomq(-dump)? ", line) or "[OPTIONS]" in line:  # that says what a command is like
        return
    typed = re.sub(r" \d?>>? ?\S+", "", re.split(r"\s{2,}", line)[0])
    lexer = shlex.shlex(typed, posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, "|"]:
        if not word or set(word) - set(_OPERATORS):
            words.append(word)
            continue
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            del words[0]
        if words and words[0] in ("gomq", "gomq-dump"):
            yield Command(tuple(words), is_whole)
        words = []
