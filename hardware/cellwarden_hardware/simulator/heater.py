"""A heating film under the cells, its switch, and how both break."""


class Heater:
    """One film; what flows through it comes from the cells and goes back to them as heat."""

    def __init__(self, film_ohm: float) -> None:
        self.film_ohm = film_ohm
        self.ordered = False
        """What somebody asked for."""
        self.welded = False
        """Its switch does not open any more."""
        self.stuck_open = False
        """Its switch does not close any more."""
        self.dead = False
        """The film is torn: nothing flows, whatever the switch does."""

    @property
    def closed(self) -> bool:
        """Whether the switch is closed, as it reads back."""
        return self.welded or (self.ordered and not self.stuck_open)

    def current_a(self, pack_v: float) -> float:
        """Return what the film draws at a pack voltage."""
        return pack_v / self.film_ohm if self.closed and not self.dead else 0.0
