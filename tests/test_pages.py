"""What the pages of this repository say can be followed: links lead somewhere, commands parse, Python compiles."""

import ast
from pathlib import Path
from textwrap import indent

import pytest

from tests.support.documented_commands import NotACommandError, check_command
from tests.support.pages import PAGES, REPOSITORY, anchors, commands, links, name_of, python_blocks

EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=name_of)


@EACH_PAGE
def test_every_link_leads_somewhere(page: Path):
    for link in links(page):
        if link.startswith(("https://", "http://")):
            continue
        target, _, anchor = link.partition("#")
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), f"{link}: there is no such file"
        assert linked.is_relative_to(REPOSITORY), link
        if anchor:
            assert anchor in anchors(linked), f"{link}: there is no such heading"


@EACH_PAGE
def test_every_command_can_be_typed(page: Path):
    for command in commands(page):
        try:
            check_command(command.words, is_whole=command.is_whole)
        except NotACommandError as error:
            pytest.fail(f"{command}: {error}")


@EACH_PAGE
def test_every_piece_of_python_compiles(page: Path):
    for block in python_blocks(page):
        try:
            ast.parse(block)
            compile(block, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except SyntaxError:  # `async with` and the like, as in a function
            compile("async def main():\n" + indent(block, "    "), str(page), "exec")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("gomq", "publisch"), "has no command"),
        (("gomq", "topic", "make", "orders"), "has no command"),
        (("gomq", "publish", "orders", "--keys"), "--keys"),
        (("gomq", "publish"), "missing"),
        (("gomq", "publish", "orders", "-z", "zip"), "zip"),
        (("gomq", "topic", "list", "orders", "payments"), "too many"),
        (("gomq-dump", "--record", "data"), "--record"),
        (("gomq-dump", "repair"), "required"),
    ],
)
def test_a_command_that_would_be_refused_is_found_out(words: tuple[str, ...], reason: str):
    with pytest.raises(NotACommandError, match=reason):
        check_command(words, is_whole=True)


def test_links_and_headings_are_found_where_they_are_no_code(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(
        "# What `a` is, and why\n\nsee [it](b.md#c)\n\n    [code](d)\n\n```sh\n# no heading\n[code](e)\n```\n`[f](f)`\n"
    )

    assert [*links(page)] == ["b.md#c"]
    assert anchors(page) == {"what-a-is-and-why"}


def test_every_page_of_the_documentation_is_in_its_index():
    index = REPOSITORY / "docs" / "README.md"

    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert {page for page in PAGES if page.is_relative_to(index.parent)} - {index} <= linked
