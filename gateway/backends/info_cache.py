"""DeviceInfo kept on disk: an adapter over a DeviceInfoSource that still knows what the source once said.

The file is JSON, written whole and put in its place at once. A file that cannot be read or written costs one line in
the log and nothing else: the source is asked as if there were none.
"""

import contextlib
import json
import logging
import math
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway.core.device_info import NAN, Command, DeviceInfo, PropertyInfo, StatusBit
from gateway.core.drf import Property
from gateway.core.ports import ANYTHING, Clock, DeviceInfoSource

VERSION = 1
MOST = 50_000  # devices up to which those are kept that nobody has configured: about 50 MB
_log = logging.getLogger("acgate.metadata")


class InfoCache:
    """What is known of devices, each with the time at which the source said it. `path` None keeps it in memory only.

    Safe from any thread.
    """

    def __init__(self, source: DeviceInfoSource | None, path: Path | None, clock: Clock) -> None:
        self._source, self._path, self._clock = source, path, clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, DeviceInfo]] = _read(path) if path is not None else {}
        self._fresh: set[str] = set()  # devices that the source answered for at the last call
        self._wrote = True  # whether the file could be written last

    def describe(
        self, devices: Sequence[str], timeout: float, only: Mapping[str, frozenset[Property]] = ANYTHING
    ) -> dict[str, DeviceInfo]:
        """What the source says now; of devices that it does not answer for, what it said once."""
        answered = self._source.describe(devices, timeout, only) if self._source is not None else {}
        now_ns = self._clock.now_ns()
        with self._lock:
            self._known |= {name: (now_ns, info) for name, info in answered.items()}
            self._fresh = set(answered)
            found = {name: self._known[name][1] for name in devices if name in self._known}
            if answered and self._path is not None:
                self._write(self._path)
        return found

    def remember(self, infos: Mapping[str, DeviceInfo]) -> None:
        """Keep what the source said of devices that nobody has configured; the file is written when it is news."""
        now_ns = self._clock.now_ns()
        with self._lock:
            full = len(self._known) >= MOST  # the names of all the world must not fill the disk
            kept = {name: info for name, info in infos.items() if not full or name in self._known}
            news = any(name not in self._known or self._known[name][1] != info for name, info in kept.items())
            self._known |= {name: (now_ns, info) for name, info in kept.items()}
            if news and self._path is not None:
                self._write(self._path)

    def known(self, devices: Iterable[str]) -> dict[str, DeviceInfo]:
        """What the source once said of these devices, without asking it."""
        with self._lock:
            return {name: self._known[name][1] for name in devices if name in self._known}

    def stamp_ns(self, device: str) -> int | None:
        """When the source described a device; None when it never did."""
        with self._lock:
            return self._known[device][0] if device in self._known else None

    def answered(self, device: str) -> bool:
        """Whether the source answered for a device at the last call."""
        with self._lock:
            return device in self._fresh

    def _write(self, path: Path) -> None:
        devices = {name: {"at_ns": at_ns, **asdict(info)} for name, (at_ns, info) in self._known.items()}
        new = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps({"version": VERSION, "devices": devices}), "utf-8")
            new.replace(path)
            self._wrote = True
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink()
            if self._wrote:
                _log.warning("the cache of metadata %s cannot be written: %s", path, error.strerror)
            self._wrote = False


def _read(path: Path) -> dict[str, tuple[int, DeviceInfo]]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        _log.warning("the cache of metadata %s cannot be read (%s); it begins anew", path, error)
        return {}
    try:
        content = json.loads(text)
        if content["version"] != VERSION:
            _log.warning("the cache of metadata %s is of another version; it begins anew", path)
            return {}
        return {name: (int(entry.pop("at_ns")), _info(entry)) for name, entry in content["devices"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        _log.warning("the cache of metadata %s is damaged; it begins anew", path)
        return {}


def _info(entry: dict[str, Any]) -> DeviceInfo:
    """One device of the file; TypeError, KeyError and the like where it is none."""
    values: dict[str, Any] = {name: _property(entry.pop(name)) for name in ("reading", "setting")}
    bits = tuple(StatusBit(**bit) for bit in entry.pop("bits"))
    commands = tuple(Command(**command) for command in entry.pop("commands"))
    info = DeviceInfo(**values, bits=bits, commands=commands, **entry)
    if not (isinstance(info.device, str) and isinstance(info.description, str)):
        raise TypeError("a text is no text")
    return info


def _property(entry: dict[str, Any] | None) -> PropertyInfo | None:
    if entry is None:
        return None
    low, high = (float(entry.pop(name)) for name in ("low", "high"))
    length = int(entry.pop("length"))
    if length < 0 or math.isinf(low) or math.isinf(high):
        raise ValueError("no length, no limits")
    low, high = (limit if limit == limit else NAN for limit in (low, high))  # the same NaN: then infos can be equal
    return PropertyInfo(length=length, low=low, high=high, **entry)
