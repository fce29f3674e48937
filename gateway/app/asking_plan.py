"""Ask the running gateway over Channel Access, as any client may, what a reload would do."""

import json
from typing import Any

from caproto import CaprotoError, ChannelType
from caproto.sync.client import read, write

from gateway.app.asking import PATIENCE, text_of
from gateway.core.errors import AcgateError

LONG = 120.0  # s for a plan of many devices, for which the device database is asked
_AWAY = (
    "no gateway {} answers within {:g} s where EPICS_CA_ADDR_LIST and its like say; start it with `acgate run`, "
    "correct the environment, or name the one that runs with --gateway"
)


def ask_plan(gateway: str) -> dict[str, Any]:
    """The document of `gateway.plan.forecast`; AcgateError says why there is none."""
    try:
        read(f"{gateway}:RELOAD:GENERATION", timeout=PATIENCE, repeater=False)
    except (TimeoutError, CaprotoError, OSError):
        raise AcgateError(_AWAY.format(gateway, PATIENCE)) from None
    name = f"{gateway}:RELOAD:PLAN"
    try:
        done = write(name, [1], notify=True, data_type=ChannelType.LONG, timeout=LONG, repeater=False)
        said = text_of(read(name, data_count=0, timeout=PATIENCE, repeater=False))
    except TimeoutError:
        raise AcgateError(f"{gateway}: {name} does not answer within {LONG:g} s; its log tells more") from None
    except (CaprotoError, OSError) as error:
        raise AcgateError(f"{gateway}: {name} cannot be asked: {error or type(error).__name__}") from None
    if not said:
        raise AcgateError(f"{gateway}: {name} takes no put of this client ({done.status.name})")
    found: dict[str, Any] = json.loads(said)
    return found
