"""Builds a bank from its settings; nothing is opened yet."""

import logging
import time
from dataclasses import replace
from pathlib import Path

from cellwarden import host as plugins
from cellwarden.clock import Clock
from cellwarden.config.settings import PackSettings, Settings
from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings, PackMemory
from cellwarden.hooks import DriverContext, OutputContext
from cellwarden.interfaces import Driver
from cellwarden.links.ports import is_pattern
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.controller import ORDERS_RECORD, Controller, NamedOutput
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.guarded import Guarded
from cellwarden.runtime.identity import OnlyThisPack
from cellwarden.runtime.rights import RIGHTS, Rights
from cellwarden.runtime.search import SearchedPack
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
    max_age_s = options.effective_max_age_s
    audit = Audit(state_folder)
    engines, desks = [], []
    for pack in settings.packs:
        engine = Engine(
            EngineSettings(
                pack=pack.name,
                chemistry=pack.chemistry,
                parameters=pack.parameters,
                max_age_s=max_age_s,
                ocv_v=pack.ocv_v,
                sheet=pack.cell,
            )
        )
        context = DriverContext(
            pack=pack.name,
            clock=clock,
            timeout_s=min(max(clock.real_s(options.poll_interval_s), 0.5), 2.0),
        )
        guarded = Guarded(driver_of(pack, context), pack.name)
        desks.append(Desk(guarded, pack.parameters, audit))
        engines.append(
            (engine, guarded, _memory(engine, pack, (saved or {}).get(pack.name), clock))
        )
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
    bank = Bank(
        BankSettings(
            name=options.name,
            members=tuple(
                BankMember(name=p.name, design_capacity_ah=p.parameters.design_capacity_ah)
                for p in settings.packs
            ),
            on_pack_lost=options.on_pack_lost,
            hold_s=options.hold_s,
            gone_after_s=options.gone_after_s,
        )
    )
    gate = ControlGate(
        mode=options.mode,
        rights=Rights({output.name: RIGHTS[output.may_ask] for output in settings.outputs}),
        desks=desks,
        audit=audit,
        clock=clock,
    )
    if saved and ORDERS_RECORD in saved:
        found = saved[ORDERS_RECORD]
        gate.restore(found.record, _off_s(found))
    return Controller(
        bank=bank,
        engines=engines,
        outputs=outputs,
        gate=gate,
        clock=clock,
        poll_interval_s=options.poll_interval_s,
    )


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


def _memory(engine: Engine, pack: PackSettings, saved: Saved | None, clock: Clock) -> PackMemory:
    now_s = clock.now_s()
    if saved is None:
        return engine.start(now_s)
    off_s = _off_s(saved)
    try:
        return engine.restore(saved.record, now_s, off_s)
    except ValueError as error:
        LOG.error("%s: the saved state is not used (%s): starting afresh", pack.name, error)
    memory = engine.start(now_s)
    try:
        return engine.keep_counters(memory, saved.record, off_s)
    except ValueError as error:
        LOG.error("%s: its counters begin anew (%s)", pack.name, error)
        return memory


def _off_s(saved: Saved) -> float | None:
    """Return how long ago something was saved, in s; None if that is not known."""
    off_s = time.time() - saved.saved_s
    # A wall clock that ran backwards (no battery-backed clock) leaves it unknown.
    return off_s if off_s >= 0 else None
