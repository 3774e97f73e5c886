"""`docs/diagnosis.md` has the table of findings as the program knows it.

`UPDATE_DOCS=1 pytest tests/core/diagnosis/test_documented.py` writes it anew.
"""

import os
import re

from cellwarden.diagnosis.procedures import PROCEDURES
from cellwarden.diagnosis.table import ALL
from support.tools import REPOSITORY

PAGE = REPOSITORY / "docs" / "diagnosis.md"
SECTION = re.compile(r"(<!-- (findings|procedures) -->\n).*?(<!-- end -->)", re.DOTALL)


def findings() -> str:
    lines = ["| finding | what is wrong | rests on | found within | procedure | code |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    lines += [
        f"| `{rule.code}` | {rule.means} | {rule.rests_on} | {rule.found_within}"
        f" | `{rule.procedure}` | {rule.manual_code or ''} |"
        for rule in ALL
    ]
    return "\n".join(lines) + "\n"


def procedures() -> str:
    lines = ["| procedure | opened when |", "| --- | --- |"]
    lines += [f"| `{name}` | {text} |" for name, text in PROCEDURES.items()]
    return "\n".join(lines) + "\n"


def test_the_page_has_every_finding_and_procedure() -> None:
    page = PAGE.read_text(encoding="utf-8")
    content = {"findings": findings, "procedures": procedures}
    assert [found[2] for found in SECTION.finditer(page)] == list(content)
    expected = SECTION.sub(lambda found: f"{found[1]}{content[found[2]]()}{found[3]}", page)
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(expected, encoding="utf-8")
        page = expected
    assert page == expected, "run it again with UPDATE_DOCS=1"


def test_no_two_findings_have_one_name() -> None:
    names = [rule.code for rule in ALL]
    assert len(names) == len(set(names))
