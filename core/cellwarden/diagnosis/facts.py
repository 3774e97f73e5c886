"""What a diagnosis must know of a pack before it has seen anything."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from cellwarden.model import CHEMISTRIES, Parameters
from cellwarden.model.catalog import Chemistry, Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class PackFacts:
    """One pack as its owner describes it."""

    name: str
    chemistry: str
    """A name of `CHEMISTRIES`."""
    parameters: Parameters
    ocv_v: Curve | None = None
    """(SoC in %, relaxed V) of its very cells; None: the chemistry's typical curve."""

    @property
    def kind(self) -> Chemistry:
        """The chemistry's row of the catalogue."""
        return CHEMISTRIES[self.chemistry]

    @property
    def capacity_ah(self) -> float:
        """By the label."""
        return self.parameters.design_capacity_ah

    @property
    def curve(self) -> Curve:
        """The relaxed voltage over the SoC."""
        return self.ocv_v or self.kind.ocv_v

    @property
    def largest_a(self) -> float:
        """The highest current that the settings allow, in A."""
        return max(self.parameters.charge_current_max_a, self.parameters.discharge_current_max_a)


class InverseCurve:
    """SoC in % from a relaxed cell voltage, and how many % a volt is worth there."""

    def __init__(self, curve: Curve) -> None:
        points = [curve[0]]
        for soc, volts in curve[1:]:
            if volts > points[-1][1]:
                points.append((soc, volts))
        self._socs = [soc for soc, _ in points]
        self._volts = [volts for _, volts in points]
        rises = [(s1 - s0) / (v1 - v0) for (s0, v0), (s1, v1) in pairwise(points)]
        # A smooth slope at each point: a straight piece's own would jump at its ends.
        inner = [math.sqrt(a * b) for a, b in pairwise(rises)]
        self._per_volt = [rises[0], *inner, rises[-1]]

    def soc(self, voltage_v: float) -> tuple[float, float]:
        """Return SoC in % and % per V; beyond an end, that end's slope goes on."""
        volts, socs = self._volts, self._socs
        if voltage_v <= volts[0]:
            return socs[0] + (voltage_v - volts[0]) * self._per_volt[0], self._per_volt[0]
        if voltage_v >= volts[-1]:
            return socs[-1] + (voltage_v - volts[-1]) * self._per_volt[-1], self._per_volt[-1]
        n = bisect_right(volts, voltage_v) - 1
        part = (voltage_v - volts[n]) / (volts[n + 1] - volts[n])
        soc = socs[n] + part * (socs[n + 1] - socs[n])
        low, high = self._per_volt[n], self._per_volt[n + 1]
        return soc, low + part * (high - low)
