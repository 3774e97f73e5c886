"""Repair procedures: data files, and a pure walker that leads a person through one.

A procedure is a TOML file in `procedures/`: steps with what to do, where to probe, what to expect
and what each outcome means. `procedure` reads and checks them, `walk` goes from answer to answer,
`report` writes down what was found. The command line asks the questions.
"""

from cellwarden.repair.numbers import read_number
from cellwarden.repair.procedure import (
    Kind,
    Outcome,
    Procedure,
    Step,
    Verdict,
    load,
    procedure_names,
)
from cellwarden.repair.report import as_data, as_text
from cellwarden.repair.walk import Answer, BadAnswer, Walk, answer, restore, start

__all__ = [
    "Answer",
    "BadAnswer",
    "Kind",
    "Outcome",
    "Procedure",
    "Step",
    "Verdict",
    "Walk",
    "answer",
    "as_data",
    "as_text",
    "load",
    "procedure_names",
    "read_number",
    "restore",
    "start",
]
