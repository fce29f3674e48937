"""What the client scripts share: results are lines of JSON on stdout, and a script leaves without libca's epilogue."""

import json
import math
import os
import sys
from typing import Any, NoReturn

import numpy as np


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | None) else str(value)


def tell(**said: Any) -> None:
    """Write one line of JSON; numbers that JSON has not are texts."""
    sys.stdout.write(json.dumps(_plain(said)) + "\n")
    sys.stdout.flush()


def leave() -> NoReturn:
    """End well, at once: the threads of libca may call back while the interpreter ends."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
