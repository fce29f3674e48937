"""Ask the running gateway over Channel Access, as any client may, what a reload would do."""

import json
from contextlib import suppress
from typing import Any

from caproto import CaprotoError, ChannelType
from caproto.sync.client import read, write

from gateway.app.asking import PATIENCE, text_of
from gateway.core.errors import AcgateError

# s for which each attempt waits: a plan of many devices takes its time, and a search that is lost is sent again only
# after half of it
ATTEMPTS = (PATIENCE, 15.0, 60.0, 60.0)
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
        refused = _put(name)
        said = text_of(read(name, data_count=0, timeout=PATIENCE, repeater=False))
    except TimeoutError:
        raise AcgateError(f"{gateway}: {name} does not answer within {sum(ATTEMPTS):g} s; its log tells more") from None
    except (CaprotoError, OSError) as error:
        raise AcgateError(f"{gateway}: {name} cannot be asked: {error or type(error).__name__}") from None
    found: dict[str, Any] = json.loads(said) if said else {}
    if not found or (refused and "error" not in found):
        raise AcgateError(f"{gateway}: {name} takes no put of this client now ({refused})")
    return found


def _put(name: str) -> str:
    """Ask, and wait until it is answered; the status where it was not done."""
    for patience in ATTEMPTS[:-1]:
        with suppress(TimeoutError):
            return _put_once(name, patience)
    return _put_once(name, ATTEMPTS[-1])


def _put_once(name: str, patience: float) -> str:
    done = write(name, [1], notify=True, data_type=ChannelType.LONG, timeout=patience, repeater=False)
    return "" if done.status.success else str(done.status.name)
