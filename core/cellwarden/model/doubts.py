"""Parameters beside the hardware: what a board does not allow, and what is allowed but doubtful."""

from collections.abc import Iterator

from cellwarden.model.catalog import (
    OVERCURRENT_LEAST_A,
    Chemistry,
    HardwareModel,
    interpolate,
)
from cellwarden.model.parameters import CHEMISTRY_COLUMN, Parameters

SUPPLY_V = (20.0, 100.0)
"""R3: pack voltage that a board with a row in the table runs on."""


def board_rules(board: HardwareModel, parameters: Parameters) -> tuple[str, ...]:
    """Return one sentence for each setting that the board cannot do (R1, R18, R28)."""
    return tuple(_board_rules(board, parameters))


def _board_rules(board: HardwareModel, p: Parameters) -> Iterator[str]:
    if p.cell_count > board.max_cells:
        yield f"cell_count = {p.cell_count:g}: {board.name} takes at most {board.max_cells}"
    for name, most_a, what in (
        ("charge_current_max_a", board.continuous_current_a, "carries"),
        ("discharge_current_max_a", board.continuous_current_a, "carries"),
        ("charge_current_peak_a", board.peak_current_a, "stands peaks of"),
        ("discharge_current_peak_a", board.peak_current_a, "stands peaks of"),
        ("balance_current_max_a", board.balance_current_a, "balances with"),
    ):
        value = getattr(p, name)
        if most_a is not None and value > most_a:
            yield f"{name} = {value:g}: {board.name} {what} at most {most_a:g} A"


def doubts(
    cell: Chemistry, parameters: Parameters, board: HardwareModel | None = None
) -> tuple[str, ...]:
    """Return one sentence for each setting that is allowed and yet probably not meant."""
    return (
        *_current_doubts(cell, parameters),
        *_cell_doubts(cell, parameters),
        *(() if board is None else _board_doubts(cell, parameters, board)),
    )


def _current_doubts(cell: Chemistry, p: Parameters) -> Iterator[str]:
    for name, curve in (
        ("charge_current_max_a", cell.charge_c_by_temperature),
        ("discharge_current_max_a", cell.discharge_c_by_temperature),
    ):
        value_a = getattr(p, name)
        best_c = max(rate for _, rate in curve)
        if value_a < OVERCURRENT_LEAST_A:  # X11
            yield (
                f"{name} = {value_a:g} is below the {OVERCURRENT_LEAST_A:g} A at which the spec"
                " tables of the boards begin"
            )
        if value_a > best_c * p.design_capacity_ah:
            yield (
                f"{name} = {value_a:g} is more than the {best_c:g} C that the cells take at best:"
                " the limit stays below it"
            )
    if p.balance_current_max_a > 0.1 * p.design_capacity_ah:  # R28
        yield (
            f"balance_current_max_a = {p.balance_current_max_a:g} is more than 0.1 C ="
            f" {0.1 * p.design_capacity_ah:g} A"
        )


def _cell_doubts(cell: Chemistry, p: Parameters) -> Iterator[str]:
    if cell.name == "Li-ion" and p.charge_undertemperature_c < 0:  # X12
        yield (
            f"charge_undertemperature_c = {p.charge_undertemperature_c:g}: charging Li-ion cells"
            " below 0 °C plates lithium; only with the cell's data sheet in hand"
        )
    if cell.flat_percent is not None:  # X13
        flat_v = interpolate(cell.ocv_v, cell.flat_percent[1])
        if p.balance_start_v < flat_v:
            yield (
                f"balance_start_v = {p.balance_start_v:g} lies below {flat_v:g} V, where the"
                f" voltage of {cell.name} tells nearly nothing of the charge"
            )


def _board_doubts(cell: Chemistry, p: Parameters, board: HardwareModel) -> Iterator[str]:
    least = board.min_cells[CHEMISTRY_COLUMN[cell.name]]
    if p.cell_count < least:  # X15
        yield (
            f"cell_count = {p.cell_count:g}: the maker's table has {board.name} with at least"
            f" {least} cells of {cell.name}"
        )
    if board.internal_resistance_ohm is None:
        yield f"{board.name} has no row in the maker's table: only what its name says is checked"
        return
    low_v, high_v = SUPPLY_V  # X16
    if p.cell_count * p.cell_overvoltage_v > high_v:
        yield (
            f"cell_overvoltage_v = {p.cell_overvoltage_v:g}: {p.cell_count} cells then have"
            f" {p.cell_count * p.cell_overvoltage_v:.1f} V, and the boards are made for"
            f" {high_v:g} V: up to {high_v / p.cell_count:.2f} V a cell"
        )
    if p.cell_count * p.shutdown_v < low_v:
        yield (
            f"shutdown_v = {p.shutdown_v:g}: {p.cell_count} cells then have"
            f" {p.cell_count * p.shutdown_v:.1f} V, and the boards need {low_v:g} V:"
            f" {low_v / p.cell_count:.2f} V a cell"
        )
