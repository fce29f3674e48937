"""The conventional commands."""

from gateway.config.commands import COMMANDS, RELIABLE


def test_the_place_of_a_command_is_its_code() -> None:
    assert COMMANDS.index("RESET") == 0
    assert COMMANDS.index("OFF") == 2
    assert COMMANDS.index("TRIP") == 9


def test_the_reliable_ones_are_the_first_seven() -> None:
    assert RELIABLE[-1] == "DC"
    assert len(RELIABLE) == 7
