"""Builds a bank from its settings; nothing is opened yet."""

import logging
import time
from dataclasses import replace
from pathlib import Path

from cellwarden import host as plugins
from cellwarden.clock import Clock
from cellwarden.config.settings import PackSettings, Settings
from cellwarden.diagnosis import PackFacts
from cellwarden.engine import (
    Bank,
    BankMember,
    BankMemory,
    BankSettings,
    Engine,
    EngineSettings,
    Shape,
)
from cellwarden.hooks import DriverContext, OutputContext, RelayContext
from cellwarden.interfaces import Driver
from cellwarden.links.ports import is_pattern
from cellwarden.model import CHEMISTRIES
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.controller import BANK_RECORD, ORDERS_RECORD, Controller
from cellwarden.runtime.examiner import Examiner
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.guarded import Guarded
from cellwarden.runtime.identity import OnlyThisPack
from cellwarden.runtime.outlets import NamedOutput
from cellwarden.runtime.recognition import Recognition, off_for_s
from cellwarden.runtime.relays import Hand, Relays, dead_man_s
from cellwarden.runtime.rights import RIGHTS, Rights
from cellwarden.runtime.search import SearchedPack
from cellwarden.runtime.standing import with_standing
from cellwarden.runtime.store import Saved
from cellwarden.runtime.writing import Desk

LOG = logging.getLogger(__name__)


def build(
    settings: Settings,
    *,
    clock: Clock,
    state_folder: Path,
    saved: dict[str, Saved] | None = None,
) -> Controller:
    """Build everything that the settings name; nothing is opened yet. ConfigError if it cannot."""
    options = settings.controller
    audit = Audit(state_folder)
    recognition = Recognition(saved or {})
    engines, desks = [], []
    for pack in settings.packs:
        engine = engine_of(pack, settings)
        guarded = Guarded(driver_of(pack, context_of(pack, settings, clock)), pack.name)
        desks.append(desk_of(guarded, pack, audit))
        memory = recognition.memory(engine, clock.now_s(), pack.serial_number)
        engines.append((engine, guarded, memory))
    outputs = [
        NamedOutput(
            name=output.name,
            output=plugins.build(
                output.output,
                output.options,
                OutputContext(name=output.name, bank=options.name, state_dir=str(state_folder)),
            ),
            control=output.output.control,
        )
        for output in settings.outputs
    ]
    bank = Bank(bank_settings(settings))
    gate = ControlGate(
        mode=options.mode,
        rights=Rights({output.name: RIGHTS[output.may_ask] for output in settings.outputs}),
        desks=desks,
        audit=audit,
        clock=clock,
    )
    if saved and ORDERS_RECORD in saved:
        found = saved[ORDERS_RECORD]
        gate.restore(found.record, off_for_s(found))
    controller = Controller(
        bank=bank,
        bank_memory=_bank_memory(bank, (saved or {}).get(BANK_RECORD), clock),
        recognition=recognition,
        standing=lambda orders: with_standing(settings.bank, orders, time.localtime().tm_mon),
        engines=engines,
        outputs=outputs,
        gate=gate,
        clock=clock,
        poll_interval_s=options.poll_interval_s,
        relays=_relays(settings, clock, audit),
    )
    controller.examiner = Examiner([_facts(pack) for pack in settings.packs], clock, saved)
    return controller


def _relays(settings: Settings, clock: Clock, audit: Audit) -> Relays | None:
    """Return the heaters' relays; None where there are none, and in mode `monitor`."""
    options = settings.controller
    if options.mode == "monitor":
        return None
    hands = [
        Hand(
            pack.relay.name,
            pack.name,
            plugins.build(
                pack.relay.kind,
                pack.relay.options,
                RelayContext(name=pack.relay.name, pack=pack.name),
            ),
            clock=clock,
            audit=audit,
            dead_man_s=dead_man_s(options.poll_interval_s, options.effective_watchdog_s),
        )
        for pack in settings.packs
        if pack.relay is not None
    ]
    return Relays(hands) if hands else None


def _facts(pack: PackSettings) -> PackFacts:
    return PackFacts(
        name=pack.name, chemistry=pack.chemistry, parameters=pack.parameters, ocv_v=pack.ocv_v
    )


def desk_of(guarded: Guarded, pack: PackSettings, audit: Audit) -> Desk:
    """Return where requests for the pack are done."""
    cell = pack.cell or CHEMISTRIES[pack.chemistry]
    return Desk(guarded, pack.parameters, audit, cell=cell, board=pack.board)


def engine_of(pack: PackSettings, settings: Settings) -> Engine:
    """Return the pack's engine."""
    return Engine(
        EngineSettings(
            pack=pack.name,
            chemistry=pack.chemistry,
            parameters=pack.parameters,
            max_age_s=settings.controller.effective_max_age_s,
            ocv_v=pack.ocv_v,
            sheet=pack.cell,
            bms_soc=pack.bms_soc,
            heater=pack.heater,
        )
    )


def context_of(pack: PackSettings, settings: Settings, clock: Clock) -> DriverContext:
    """Return what the pack's driver is given besides its own options."""
    poll_s = clock.real_s(settings.controller.poll_interval_s)
    return DriverContext(pack=pack.name, clock=clock, timeout_s=min(max(poll_s, 0.5), 2.0))


def driver_of(pack: PackSettings, context: DriverContext) -> Driver:
    """Return the pack's driver, which hears no other pack where a serial number is given."""
    if pack.serial_number is None:
        driver: Driver = plugins.build(pack.driver, pack.driver_options, context)
        return driver
    port = getattr(pack.driver_options, "port", "")
    if isinstance(port, str) and is_pattern(port):
        return SearchedPack(
            lambda found: plugins.build(
                pack.driver, replace(pack.driver_options, port=found), context
            ),
            pattern=port,
            pack=pack.name,
            serial_number=pack.serial_number,
        )
    driver = plugins.build(pack.driver, pack.driver_options, context)
    return OnlyThisPack(driver, pack.name, pack.serial_number)


def bank_settings(settings: Settings) -> BankSettings:
    """Return the bank as the engine must know it."""
    options, bank = settings.controller, settings.bank
    members = tuple(_member(pack) for pack in settings.packs)
    nominal_v = [_nominal_v(pack) for pack in settings.packs]
    window_v = bank.join_window_v
    if window_v is None:
        window_v = JOIN_WINDOW_PART * min(nominal_v, default=0.0)
    if bank.float_voltage_v is not None:
        in_series = len(members) if bank.shape == Shape.SERIES else 1
        each_v = bank.float_voltage_v / in_series
        members = tuple(replace(member, float_voltage_v=each_v) for member in members)
    return BankSettings(
        name=options.name,
        members=members,
        on_pack_lost=options.on_pack_lost,
        hold_s=options.hold_s,
        gone_after_s=options.gone_after_s,
        shape=bank.shape,
        join_window_v=window_v,
        full_when=bank.full_when,
        full_every_s=bank.full_charge_days * 86_400 or None,
        full_sigma_percent=bank.full_charge_sigma_percent,
        absorption_max_s=bank.absorption_max_h * 3600,
        cable_resistance_ohm=bank.cable_resistance_ohm,
    )


JOIN_WINDOW_PART = 0.01
"""Of the nominal voltage (ours): 0.5 V at 51.2 V drives some 20 A between two 100 Ah packs."""


def _member(pack: PackSettings) -> BankMember:
    cell = pack.cell or CHEMISTRIES[pack.chemistry]
    parameters = pack.parameters
    float_v = parameters.cell_count * min(cell.float_v, parameters.charge_voltage_v)
    return BankMember(pack.name, parameters.design_capacity_ah, float_v)


def _nominal_v(pack: PackSettings) -> float:
    cell = pack.cell or CHEMISTRIES[pack.chemistry]
    return cell.nominal_v * pack.parameters.cell_count


def _bank_memory(bank: Bank, saved: Saved | None, clock: Clock) -> BankMemory:
    now_s = clock.now_s()
    if saved is not None:
        try:
            return bank.restore(saved.record, now_s, off_for_s(saved))
        except ValueError as error:
            LOG.error("the saved state of the bank is not used (%s): starting afresh", error)
    return bank.start(now_s)
