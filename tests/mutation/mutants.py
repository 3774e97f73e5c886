"""What is changed: every mutant of the engine's functions, by the operators of mutmut.

A mutant is put in force by giving the live function the code of the changed one, so nothing is
copied, and no call is slowed by asking which mutant is on.
"""

import __future__

import ast
import hashlib
import importlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor, OuterFunctionProvider, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

ROOT = Path(__file__).parent.parent.parent
ENGINE = ROOT / "core" / "cellwarden" / "engine"
ROOM = 40
"""Letters of what surrounds a change that are shown."""


@dataclass(frozen=True)
class Mutant:
    """One change of one function."""

    module: str
    function: str
    """With its class: `Ramp.step`."""
    line: int
    lines: frozenset[int]
    """The lines of the statement that it changes, counted from the head of the function."""
    mark: str
    """What the function says, shortened to a few digits."""
    was: str
    now: str
    nth: int
    """Among the same changes of this function."""
    node: cst.FunctionDef
    old: cst.CSTNode
    new: cst.CSTNode

    @cached_property
    def key(self) -> str:
        """Ten digits that stay as long as the function keeps the changed place."""
        words = f"{self.module}|{self.function}|{self.was}|{self.now}|{self.nth}"
        return hashlib.sha256(words.encode()).hexdigest()[:10]

    def drawn(self, seed: str) -> str:
        """Return the place in the draw of this seed: mutants are tried in this order."""
        return hashlib.sha256(f"{seed}|{self.key}".encode()).hexdigest()

    @cached_property
    def is_left_out(self) -> bool:
        """Whether it is not counted, by rule.

        Either only the words of a text for people change, that is a literal with a space in it;
        or `strict` of a `zip`, which is there to find our own mistakes.
        """
        if isinstance(self.old, cst.SimpleString):
            return " " in self.old.value.strip("\"' ")
        without = [re.sub(r",?\s*strict=\w+|,(?=\s*\))", "", text) for text in (self.was, self.now)]
        return "".join(without[0].split()) == "".join(without[1].split())

    @cached_property
    def shown(self) -> str:
        """What changes, short, on one line."""
        was, now = (" ".join(text.split()) for text in (self.was, self.now))
        start = alike(was, now)
        end = min(alike(was[::-1], now[::-1]), len(was) - start, len(now) - start)
        if end > ROOM:
            cut = end - ROOM // 2
            was, now = f"{was[:-cut]}…", f"{now[:-cut]}…"
        if start > ROOM:
            cut = start - ROOM // 2
            was, now = f"…{was[cut:]}", f"…{now[cut:]}"
        return f"`{was}` → `{now}`"

    def compiled(self) -> FunctionType:
        """Return the changed function."""
        return self._made(deep_replace(self.node, self.old, self.new))

    def changes_code(self) -> bool:
        """Whether the compiled function differs at all."""
        try:
            changed = self.compiled()
        except SyntaxError:
            return False
        before = self._made(self.node)
        same_defaults = (before.__defaults__, before.__kwdefaults__) == (
            changed.__defaults__,
            changed.__kwdefaults__,
        )
        return not same_defaults or substance(before.__code__) != substance(changed.__code__)

    def put_in_force(self) -> None:
        """Change the live function; there is no way back, so do it in a process of its own."""
        live, changed = self._live(), self.compiled()
        live.__code__ = changed.__code__
        live.__defaults__ = changed.__defaults__
        live.__kwdefaults__ = changed.__kwdefaults__

    def _made(self, node: Any) -> FunctionType:
        text = cst.Module([]).code_for_node(node.with_changes(decorators=[], leading_lines=[]))
        flags = __future__.annotations.compiler_flag
        code = compile(text, f"<mutant of {self.module}>", "exec", flags, dont_inherit=True)
        found: dict[str, FunctionType] = {}
        exec(code, importlib.import_module(f"cellwarden.engine.{self.module}").__dict__, found)
        return found[self.node.name.value]

    def _live(self) -> FunctionType:
        owner: Any = importlib.import_module(f"cellwarden.engine.{self.module}")
        *classes, name = self.function.split(".")
        for each in classes:
            owner = getattr(owner, each)
        found = owner.__dict__[name]
        if isinstance(found, property):
            found = found.fget
        found = getattr(found, "__wrapped__", getattr(found, "__func__", found))
        assert isinstance(found, FunctionType), f"{self.module}.{self.function}"
        return found


def alike(one: str, other: str) -> int:
    """Return how many letters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def substance(code: CodeType) -> object:
    """Return what a code object does, without where it stands."""
    consts = tuple(substance(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts)
    return code.co_code, consts, code.co_names, code.co_varnames, code.co_freevars


class Finder(MutationVisitor):
    """mutmut's visitor, that keeps positions and goes into decorated functions too."""

    def __init__(self) -> None:
        super().__init__(mutation_operators, IgnoredCode(set(), set(), set()))
        self.found: list[tuple[cst.FunctionDef, cst.CSTNode, cst.CSTNode, int]] = []

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef) and node.decorators:
            return False
        if isinstance(node, cst.Arg) and node.keyword and node.keyword.value == "strict":
            return True
        return bool(super()._skip_node_and_children(node))

    def _create_mutations(self, node: cst.CSTNode) -> None:
        outer = self.get_metadata(OuterFunctionProvider, node, None)
        place = self.get_metadata(PositionProvider, node, None)
        before = len(self.mutations)
        super()._create_mutations(node)
        if isinstance(outer, cst.FunctionDef) and place is not None:
            for each in self.mutations[before:]:
                self.found.append((outer, node, each.mutated_node, place.start.line))


@dataclass(frozen=True)
class Function:
    """Where a function or method stands; what is inside it belongs to it."""

    name: str
    lines: range
    mark: str


def functions(source: str) -> list[Function]:
    """Return the functions of a module and the methods of its classes."""
    rows = source.splitlines()

    def found(body: list[ast.stmt], inside: str) -> Iterator[Function]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from found(node.body, f"{inside}{node.name}.")
            elif isinstance(node, ast.FunctionDef):
                end = node.end_lineno or node.lineno
                text = "\n".join(rows[node.lineno - 1 : end])
                mark = hashlib.sha256(text.encode()).hexdigest()[:8]
                yield Function(inside + node.name, range(node.lineno, end + 1), mark)

    return list(found(ast.parse(source).body, ""))


def statements(tree: ast.Module) -> Iterator[range]:
    """Yield the lines of each statement, of compound ones those of the head."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        last: ast.AST = node
        if isinstance(node, ast.If | ast.While):
            last = node.test
        elif isinstance(node, ast.For):
            last = node.iter
        elif isinstance(node, ast.FunctionDef):
            # A default is in force wherever the function runs; a docstring is no line that runs.
            body = node.body[1:] if ast.get_docstring(node, clean=False) else node.body
            yield range(node.lineno, (body or node.body)[0].lineno + 1)
            continue
        elif hasattr(node, "body"):
            continue
        yield range(node.lineno, getattr(last, "end_lineno", node.lineno) + 1)


def of_module(path: Path) -> list[Mutant]:
    """Return all mutants of a module, in the order of its lines."""
    source = path.read_text()
    spans = list(statements(ast.parse(source)))
    owners = {line: function for function in functions(source) for line in function.lines}
    finder = Finder()
    MetadataWrapper(cst.parse_module(source)).visit(finder)
    code_of = cst.Module([]).code_for_node
    seen: Counter[tuple[str, str, str]] = Counter()
    mutants = []
    for node, old, new, line in finder.found:
        owner = owners[line]
        was, now = code_of(old).strip(), code_of(new).strip()
        seen[owner.name, was, now] += 1
        span = min((s for s in spans if line in s), key=len, default=range(line, line + 1))
        lines = frozenset(n - owner.lines.start for n in span)
        nth = seen[owner.name, was, now]
        mutants.append(
            Mutant(path.stem, owner.name, line, lines, owner.mark, was, now, nth, node, old, new)
        )
    return mutants


def of_engine() -> Iterator[Mutant]:
    """Yield every mutant of the engine."""
    for path in sorted(ENGINE.glob("*.py")):
        yield from of_module(path)
