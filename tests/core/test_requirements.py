"""Every requirement has a row, code and a test; docs/requirements.md is made from that.

`UPDATE_DOCS=1 pytest tests/core/test_requirements.py` writes the page anew.
"""

import ast
import os
import re
from collections import defaultdict
from functools import cache

import pytest

from support.requirement_rows import CONTRADICTIONS, REQUIREMENTS, Requirement
from support.tools import REPOSITORY

PAGE = REPOSITORY / "docs" / "requirements.md"
HEAD = """\
# Requirements

What the manual of the JK boards promises, numbered, and which tests show that it is so. Made
from `tests/support/requirement_rows.py` and from the marks `@pytest.mark.requirement("R10")` on
the tests.

"""
X_HEAD = """\
## Where the manual contradicts itself

What was taken.

"""


@cache
def shown() -> dict[str, set[str]]:
    """Return the test files that show each requirement, by the marks on their tests."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((REPOSITORY / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "requirement(" in text:
            for name in marks(ast.parse(text)):
                found[name].add(str(path.relative_to(REPOSITORY / "tests")))
    return found


def marks(tree: ast.AST) -> set[str]:
    """Return what `pytest.mark.requirement("...")` says anywhere in a test file."""
    return {
        str(argument.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "requirement"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }


def state(row: Requirement) -> str:
    if row.nothing_to_build:
        return f"nothing to build: {row.nothing_to_build}"
    return "shown" if shown()[row.name] else "not yet shown by a test"


def table(rows: tuple[Requirement, ...]) -> str:
    lines = ["| | says | where | tests | state |", "|---|---|---|---|---|"]
    for row in rows:
        where = ", ".join(f"`{path.rpartition('/cellwarden')[2]}`" for path in row.where)
        tests = ", ".join(f"`{test}`" for test in sorted(shown()[row.name]))
        lines.append(f"| {row.name} | {row.says} | {where} | {tests} | {state(row)} |")
    return "\n".join([*lines, ""])


def page() -> str:
    return f"{HEAD}{table(REQUIREMENTS)}\n{X_HEAD}{table(CONTRADICTIONS)}"


def test_every_requirement_and_every_contradiction_has_one_row() -> None:
    assert [row.name for row in REQUIREMENTS] == [f"R{n}" for n in range(1, 53)]
    assert [row.name for row in CONTRADICTIONS] == [f"X{n}" for n in range(1, 27)]


@pytest.mark.parametrize("row", [*REQUIREMENTS, *CONTRADICTIONS], ids=lambda row: row.name)
def test_the_files_of_a_row_are_there(row: Requirement) -> None:
    assert bool(row.where) is not bool(row.nothing_to_build)
    for path in row.where:
        assert (REPOSITORY / path).is_file(), path


@pytest.mark.parametrize("row", [*REQUIREMENTS, *CONTRADICTIONS], ids=lambda row: row.name)
def test_every_requirement_that_can_be_built_is_shown_by_a_test(row: Requirement) -> None:
    assert shown()[row.name] or row.nothing_to_build


def test_no_mark_names_what_is_no_requirement() -> None:
    known = {row.name for row in (*REQUIREMENTS, *CONTRADICTIONS)}
    # R36a is the sheet's own addition to R36; faults have a list of their own.
    assert {name for name in shown() if name.startswith(("R", "X"))} - known - {"R36a"} == set()


def without_tests(text: str) -> str:
    """Return the page with the column of the tests left out."""
    lines = (line.split(" | ") for line in text.splitlines())
    return "\n".join(" | ".join(p[:3] + p[4:] if len(p) == 5 else p) for p in lines)


def test_the_page_is_made_of_the_rows_and_the_marks() -> None:
    """A file that has come to show one may be missing, one that no longer does may not."""
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(page(), encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    assert without_tests(text) == without_tests(page()), "run it again with UPDATE_DOCS=1"
    for line in text.splitlines():
        name, *_ = line.removeprefix("| ").split(" | ")
        listed = set(re.findall(r"`([^`]+/test_\w+\.py)`", line))
        assert listed <= shown()[name], f"{name}: run it again with UPDATE_DOCS=1"
