"""The golden vectors of the ground: a new file beside the old ones is tested by being there."""

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[1] / "vectors"


def vectors(kind: str, member: str) -> list[dict[str, Any]]:
    """The vectors in `member` of every file whose name starts with `kind`."""
    files = sorted(_FOLDER.glob(f"{kind}*.json"))
    found = [vector for file in files for vector in json.loads(file.read_text("utf-8")).get(member, [])]
    assert found, f"no vectors {member} of {kind}"
    return found


def table(name: str) -> dict[str, Any]:
    """A whole file."""
    content: dict[str, Any] = json.loads((_FOLDER / name).read_text("utf-8"))
    return content
