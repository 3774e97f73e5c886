"""What a whole simulated day costs the bus: signals counted, items counted."""

from support import bus_day


def test_a_day_costs_a_signal_a_second_and_a_third_of_the_items_of_a_naive_service() -> None:
    # Ten seconds of every ten minutes; benchmarks/victron.py counts every second of the day.
    bank, pack = bus_day.replay(bus_day.day(window_s=10, every_s=600))
    for told in (bank, pack):
        assert told.seconds == 1439
        assert told.signals <= told.seconds
        assert told.items <= told.naive_items / 3
        assert told.items > told.seconds / 10  # it does not fall silent either
