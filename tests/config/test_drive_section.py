"""The section `drive` of a device: numbers and names of PVs, also as the texts of CSV and the environment."""

import pytest

from gateway.config.problems import ConfigErrors
from tests.config.loading import loaded

HEAD = 'backends: {a: {url: "sim:"}}\ndevices:\n'


@pytest.mark.parametrize(
    ("text", "low", "high", "outside"),
    [
        ("low: 0, high: 5.5", 0.0, 5.5, "refuse"),
        ("low: '-1e3', high: 'M:MAX.VAL', outside: clamp", -1000.0, "M:MAX.VAL", "clamp"),
        ("high: null", None, None, "refuse"),
    ],
)
def test_a_limit_is_a_number_or_the_name_of_a_pv(text: str, low: object, high: object, outside: str) -> None:
    (device,) = loaded(f"{HEAD}  - {{device: 'Z:ACLTST', drive: {{{text}}}}}\n").devices
    drive = device.entry.drive
    assert (low, high, outside) == (drive.low, drive.high, drive.outside)


def test_a_table_has_columns_for_it() -> None:
    table = "device,drive.low,drive.high,drive.outside\nZ:ACLTST,-2,M:MAX,clamp\nZ:ACLTS1,,,\n"
    limited, free = loaded(f"{HEAD}  - include: d.csv\n", {"d.csv": table}).devices
    drive = limited.entry.drive
    assert (-2.0, "M:MAX", "clamp") == (drive.low, drive.high, drive.outside)
    assert not free.entry.drive.model_fields_set


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("high: 'two words'", "drive.high: 'two words' is neither a number nor the name of a PV"),
        ("high: 'inf'", "drive.high: is a finite number or the name of a PV, not inf"),
        ("high: 'nan'", "drive.high: is a finite number or the name of a PV, not nan"),
        ("low: true", "drive.low: is a finite number or the name of a PV, not True"),
        ("low: [1]", "drive.low: is a finite number or the name of a PV, not [1]"),
        ("outside: ignore", "drive.outside"),
        ("hi: 5", "did you mean"),
    ],
)
def test_what_cannot_be_is_said(text: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as error:
        loaded(f"{HEAD}  - {{device: 'Z:ACLTST', drive: {{{text}}}}}\n")
    assert said in str(error.value)
