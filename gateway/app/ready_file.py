"""The ready file: says to other programs that everything listens, and where (contract.md 2)."""

import json
import os
from pathlib import Path

from gateway.core.errors import BadInput


def write_ready(path: str | Path, **keys: object) -> None:
    """Write the file at once and whole: `pid`, and the keys given, such as ca_port, pvs, dpm_http.

    BadInput when the place cannot be written.
    """
    target = Path(path)
    text = json.dumps({"pid": os.getpid(), **keys})
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        part.write_text(f"{text}\n", "utf-8")
        part.replace(target)
    except OSError as error:
        raise BadInput(
            f"--ready-file {target}: cannot be written ({error.strerror}); name a file in a folder that is"
        ) from None
