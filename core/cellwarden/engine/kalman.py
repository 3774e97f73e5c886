"""A Kalman filter's two steps for a few states and one number measured at a time; plain Python."""

from collections.abc import Sequence

Vector = tuple[float, ...]
Matrix = tuple[Vector, ...]


def diagonal(variances: Sequence[float]) -> Matrix:
    """Return a covariance of independent states."""
    return tuple(
        tuple(v if i == j else 0.0 for j in range(len(variances))) for i, v in enumerate(variances)
    )


def corrected(
    x: Vector, p: Matrix, h: Sequence[float], off: float, noise: float
) -> tuple[Vector, Matrix]:
    """Return state and covariance after a measurement.

    `h` is what the measurement changes by for each state, `off` measured minus expected, `noise`
    the variance of the measurement.
    """
    ph = [sum([a * b for a, b in zip(row, h, strict=True)]) for row in p]
    total = noise + sum([a * b for a, b in zip(ph, h, strict=True)])
    k = [a / total for a in ph]
    return (
        tuple([a + b * off for a, b in zip(x, k, strict=True)]),
        tuple(
            [
                tuple([a - ki * b for a, b in zip(row, ph, strict=True)])
                for row, ki in zip(p, k, strict=True)
            ]
        ),
    )


def moved(p: Matrix, n: int, by: Sequence[float], noise: Sequence[float]) -> Matrix:
    """Return the covariance after state `n` has taken up `by` of each state, and noise came.

    `by[m]` is how much a unit of state m adds to state n; `noise` are variances.
    """
    row = [
        a + sum([f * q for f, q in zip(by, column, strict=True)])
        for a, column in zip(p[n], p, strict=True)  # p is symmetric: its rows are its columns
    ]
    row[n] += sum([f * q for f, q in zip(by, row, strict=True)])
    rows = []
    for i, old in enumerate(p):
        if i == n:
            new = row
        else:
            new = list(old)
            new[n] = row[i]
            new[i] += noise[i]
        rows.append(tuple(new))
    row[n] += noise[n]
    rows[n] = tuple(row)
    return tuple(rows)


def faded(p: Matrix, n: int, by: float) -> Matrix:
    """Return the covariance after state `n` has been multiplied by a factor."""
    rows = [tuple([a * by if j == n else a for j, a in enumerate(row)]) for row in p]
    rows[n] = tuple([a * by for a in rows[n]])
    return tuple(rows)


def loosened(p: Matrix, by: Sequence[float]) -> Matrix:
    """Return the covariance with each state's sigma widened by a factor, correlations kept."""
    return tuple(
        [
            tuple([a * f * g for a, g in zip(row, by, strict=True)])
            for row, f in zip(p, by, strict=True)
        ]
    )
