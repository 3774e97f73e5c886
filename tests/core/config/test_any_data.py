"""Whatever a file holds, it is either good or refused with a ConfigError."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time

from hypothesis import example, given
from hypothesis import strategies as st

from cellwarden.config.keys import CONTROLLER_KEYS, OUTPUT_KEYS, PACK_KEYS, PARAMETER_KEYS
from cellwarden.config.reader import check, parse
from cellwarden.config.settings import Settings
from cellwarden.errors import ConfigError
from cellwarden.model import CHEMISTRIES, broken_rules
from support.hosts import fake_host

HOST = fake_host()

SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["fake-bms", "bare", "fake_mqtt", *CHEMISTRIES, "control", "/x"]),
    st.sampled_from([16, 280.0, 3.5, 10**400, date(2026, 1, 1), time(1), datetime(2026, 1, 1)]),  # noqa: DTZ001
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *("port", "parity", "topics", "levels", "user", "parameters"),
        *(key.name for key in (*CONTROLLER_KEYS, *PACK_KEYS, *OUTPUT_KEYS)),
    ]
)
TABLES = st.dictionaries(NAMES | st.text(max_size=6), VALUES, max_size=12)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "controller": TABLES | VALUES,
        "pack": st.lists(TABLES | VALUES, max_size=3) | VALUES,
        "output": st.lists(TABLES | VALUES, max_size=3) | VALUES,
        "other": VALUES,
    },
)
GOOD_PACK = {
    "name": "left",
    "driver": "fake-bms",
    "chemistry": "LiFePO4",
    "cells": 16,
    "capacity_ah": 100,
    "port": "/dev/ttyUSB0",
}


def judged(read: Callable[..., Settings], what: object) -> tuple[Settings | None, Sequence[str]]:
    """Return the settings, or what is wrong; nothing but a ConfigError is caught."""
    try:
        return read(what, HOST), ()
    except ConfigError as error:
        return None, error.problems


@given(FILES)
@example({"pack": [GOOD_PACK | {"cells": 10**5000}]})
def test_any_data_is_good_or_a_config_error(data: dict[str, object]) -> None:
    settings, problems = judged(check, data)
    assert (settings is None) == bool(problems)
    assert all(line.isprintable() for line in problems)


@given(st.sampled_from(list(GOOD_PACK)), VALUES, st.dictionaries(NAMES, VALUES, max_size=1))
def test_a_good_pack_with_one_bad_key_is_refused_for_that_key(
    key: str, value: object, more: dict[str, object]
) -> None:
    settings, problems = judged(check, {"pack": [GOOD_PACK | {key: value} | more]})
    assert (settings is None) == bool(problems)
    assert all(line.startswith("pack") for line in problems)


@given(
    st.sampled_from(list(CHEMISTRIES)),
    st.dictionaries(
        st.sampled_from([key.name for key in PARAMETER_KEYS]),
        st.floats(0, 120) | st.sampled_from([2.5, 3.0, 3.4, 3.65, 5, 60]),
        max_size=5,
    ),
)
def test_accepted_parameters_keep_every_rule_and_the_chemistry(
    chemistry: str, overrides: dict[str, float]
) -> None:
    pack = GOOD_PACK | {"chemistry": chemistry, "parameters": overrides}
    settings, _ = judged(check, {"pack": [pack]})
    if settings is not None:
        parameters = settings.packs[0].parameters
        assert broken_rules(parameters) == ()
        assert parameters.charge_voltage_v <= CHEMISTRIES[chemistry].absolute_max_v
        assert all(getattr(parameters, name) == value for name, value in overrides.items())


@given(st.text(alphabet=st.sampled_from("[]{}=\"\n.,#'\\ 019aeEinf-_:T\0é\ud800"), max_size=60))
def test_any_text_is_good_or_a_config_error(text: str) -> None:
    settings, problems = judged(parse, text)
    assert (settings is None) == bool(problems)
    assert all(line.isprintable() for line in problems)
