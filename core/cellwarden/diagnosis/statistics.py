"""Small sums that forget: straight lines and load steps, as frozen data.

Each is a handful of numbers however long it runs. `keep` is the part of the old sums that is kept
when something new comes, 0.5 ** (time passed / half-life).
"""

import math
from typing import NamedTuple


class Fit(NamedTuple):
    """A straight line through what was seen."""

    slope: float
    slope_sigma: float
    mean_x: float
    mean_y: float
    scatter: float
    """Standard deviation of the samples around the line."""

    def at(self, x: float) -> float:
        """Return the line's y at x."""
        return self.mean_y + self.slope * (x - self.mean_x)


class Line(NamedTuple):
    """Sums of a straight line y over x."""

    n: float = 0.0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0

    def add(self, x: float, y: float, keep: float = 1.0) -> "Line":
        """Return the line with one more sample."""
        return Line(
            self.n * keep + 1.0,
            self.x * keep + x,
            self.y * keep + y,
            self.xx * keep + x * x,
            self.xy * keep + x * y,
            self.yy * keep + y * y,
        )

    @property
    def mean(self) -> float:
        """Mean of y; 0 while there is no sample."""
        return self.y / self.n if self.n else 0.0

    @property
    def spread_x(self) -> float:
        """Standard deviation of x."""
        if not self.n:
            return 0.0
        return math.sqrt(max(self.xx / self.n - (self.x / self.n) ** 2, 0.0))

    def fit(self) -> Fit | None:
        """Return the line; None below four samples or where x never changed."""
        n = self.n
        if n < 4.0:
            return None
        var_x = self.xx - self.x * self.x / n
        if var_x <= 1e-12 * (1.0 + self.xx):
            return None
        cov = self.xy - self.x * self.y / n
        slope = cov / var_x
        left = max(self.yy - self.y * self.y / n - slope * cov, 0.0) / (n - 2.0)
        return Fit(slope, math.sqrt(left / var_x), self.x / n, self.y / n, math.sqrt(left))


class Answer(NamedTuple):
    """How one voltage answered load steps, in three sums."""

    cell: float = 0.0
    """Against the part that a cell's resistance would give."""
    contact: float = 0.0
    """Against the plain step of the current."""
    square: float = 0.0


class Share(NamedTuple):
    """What a voltage's answer to load steps is made of."""

    ohm: float
    """Whole resistance to a step, at the temperatures seen."""
    sigma: float
    contact: float
    """Part of it that behaves like a contact, 0..1; 0.5 where nothing can be said."""
    contact_sigma: float


class Loads(NamedTuple):
    """Load steps of a pack: the middle cell's answer, and by how much each cell answers more.

    Two things raise a cell's answer. A cell's own resistance falls with the temperature and is
    followed by polarisation over minutes; a contact's does neither. So the answer is regressed on
    both: `a`, the step as a cell answers it, and `b`, the step as it is.
    """

    n: float = 0.0
    aa: float = 0.0
    ab: float = 0.0
    bb: float = 0.0
    middle: Answer = Answer()
    cells: tuple[Answer, ...] = ()

    def add(self, a: float, b: float, middle_v: float, above_v: tuple[float, ...]) -> "Loads":
        """Return the loads with one more step; voltages are changes in V."""
        before = self.cells if len(self.cells) == len(above_v) else (Answer(),) * len(above_v)
        m = self.middle
        return Loads(
            self.n + 1.0,
            self.aa + a * a,
            self.ab + a * b,
            self.bb + b * b,
            Answer(m.cell + a * middle_v, m.contact + b * middle_v, m.square + middle_v * middle_v),
            tuple(
                [
                    Answer(ya + a * y, yb + b * y, yy + y * y)
                    for (ya, yb, yy), y in zip(before, above_v, strict=True)
                ]
            ),
        )

    def plus(self, other: "Loads", keep: float = 1.0) -> "Loads":
        """Return these steps, of which `keep` is kept, and the other's."""
        if not other.cells or not self.cells or len(self.cells) != len(other.cells):
            return other if other.cells else self
        return Loads(
            self.n * keep + other.n,
            self.aa * keep + other.aa,
            self.ab * keep + other.ab,
            self.bb * keep + other.bb,
            _added(self.middle, other.middle, keep),
            tuple([_added(a, b, keep) for a, b in zip(self.cells, other.cells, strict=True)]),
        )

    def share(self, answer: Answer) -> Share | None:
        """Return what an answer is made of; None below eight steps."""
        if self.n < 8.0 or self.bb <= 0.0:
            return None
        ohm = answer.contact / self.bb
        left = max(answer.square - ohm * answer.contact, 0.0) / (self.n - 1.0)
        sigma = math.sqrt(left / self.bb)
        unsure = Share(ohm, sigma, 0.5, 1.0)
        det = self.aa * self.bb - self.ab * self.ab
        if det <= 1e-6 * self.aa * self.bb or ohm <= 0.0:
            return unsure
        contact_ohm = (self.aa * answer.contact - self.ab * answer.cell) / det
        cell_ohm = (self.bb * answer.cell - self.ab * answer.contact) / det
        explained = cell_ohm * answer.cell + contact_ohm * answer.contact
        left = max(answer.square - explained, 0.0) / max(self.n - 2.0, 1.0)
        contact_sigma = math.sqrt(left * self.aa / det) / ohm
        if contact_sigma > 1.0:
            return unsure
        return Share(ohm, sigma, min(max(contact_ohm / ohm, 0.0), 1.0), contact_sigma)


def _added(one: Answer, other: Answer, keep: float) -> Answer:
    return Answer(
        one.cell * keep + other.cell,
        one.contact * keep + other.contact,
        one.square * keep + other.square,
    )


def keeping(passed: float, half_life: float) -> float:
    """Return the part of old sums that is kept after a time, or whatever forgetting goes by."""
    return float(0.5 ** (max(passed, 0.0) / half_life))
