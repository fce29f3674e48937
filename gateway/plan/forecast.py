"""Forecast: what a reload would do, as the running gateway tells it to whoever asks: one JSON document."""

import json
from dataclasses import dataclass, field

from gateway.plan.diff import Changes
from gateway.plan.why import grouped

NOT_SAID = "left_out"  # how many names did not fit


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a reload would change, or why there would be none."""

    file: str  # that a reload reads
    digest: str = ""  # of what it says, with all that it includes
    changes: Changes = field(default_factory=Changes)
    clients: int = 0  # that would lose channels
    restart: tuple[str, ...] = ()  # keys that only a restart changes
    warnings: tuple[str, ...] = ()
    error: str = ""
    wrong: bool = False  # whether the error is one of the configuration

    def text(self, most: int) -> str:
        """The document, of ASCII; of names, as many are left out as it takes for it to have `most` characters."""
        names = max(len(self.changes.added), len(self.changes.removed), len(self.changes.why), 1)
        while len(found := json.dumps(self._document(names))) > most and names:
            names //= 2
        return found

    def _document(self, most: int) -> dict[str, object]:
        if self.error:
            return {"file": self.file, "digest": self.digest, "error": self.error, "wrong": self.wrong}
        changes = self.changes
        added, removed = sorted(changes.added)[:most], sorted(changes.removed)[:most]
        changed, described = sorted(changes.changed)[:most], sorted(changes.described)[:most]
        counts = {
            "added": len(changes.added), "removed": len(changes.removed), "changed": len(changes.changed),
            "described": len(changes.described),
        }  # fmt: skip
        return {
            "file": self.file,
            "digest": self.digest,
            "counts": counts,
            "added": added,
            "removed": removed,
            "changed": self._grouped(changed),
            "described": self._grouped(described),
            NOT_SAID: sum(counts.values()) - sum(map(len, (added, removed, changed, described))),
            "clients": self.clients,
            "restart": self.restart,
            "warnings": self.warnings[:most],
        }

    def _grouped(self, names: list[str]) -> list[dict[str, object]]:
        why = self.changes.why
        groups = grouped({name: why[name] for name in names})
        return [{"devices": devices, "why": reasons} for reasons, devices in groups.items()]
