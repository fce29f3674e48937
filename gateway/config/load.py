"""load: the text of a configuration, the environment and a way to read includes -> Config, or every error at once."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from pydantic import ValidationError

from gateway.config.backend_url import SCHEMES, BackendUrl
from gateway.config.config import (
    BackendConfig,
    Config,
    DeviceConfig,
    FreezeConfig,
    GroupConfig,
    MetadataConfig,
    OnDemandConfig,
    PolicyConfig,
)
from gateway.config.drive_section import DriveSection
from gateway.config.entries import Entries
from gateway.config.freeze_section import FreezeSection
from gateway.config.group_section import GroupSection
from gateway.config.models import (
    ConfigFile,
    ConfirmSection,
    DeviceEntry,
    IncludeEntry,
    MetadataSection,
    OnDemandSection,
    ReadWrite,
)
from gateway.config.policy_section import PolicySection
from gateway.config.problems import SHORT_NAME, ConfigErrors, Path, Places, problems_of, raise_all
from gateway.config.source import override, read_csv, read_yaml
from gateway.core.errors import BadConfig, BadInput
from gateway.core.route import Route

DATABASES = ("devdb+grpc", "sim")  # schemes that metadata can come from
NOT_BUILT = "is not in this version and has no effect"
_COLUMNS = {
    *(set(DeviceEntry.model_fields) - {"bits", "confirm", "drive"}),
    *(f"confirm.{key}" for key in ConfirmSection.model_fields),
    *(f"drive.{key}" for key in DriveSection.model_fields),
    *(f"backend.{key}" for key in ReadWrite.model_fields),
}


def load(text: str, file: str, environ: Mapping[str, str], read_include: Callable[[str], str]) -> Config:
    """The checked configuration; raises ConfigErrors with everything that is wrong.

    `file` is its name in messages. `read_include` gives the text of an included file, whose name is relative to
    this one, or raises OSError. Scalars are overridden by `ACGATE__SECTION__KEY` of `environ`.
    """
    return _Loading(file, read_include).load(text, environ)


class _Loading:
    """One run of `load`: what is wrong gathers in `problems`."""

    def __init__(self, file: str, read_include: Callable[[str], str]) -> None:
        self.file = file
        self.read_include = read_include
        self.places = Places(file)
        self.problems: list[BadInput] = []

    def load(self, text: str, environ: Mapping[str, str]) -> Config:
        """Every step of the way; a step that finds a problem lets the others find theirs."""
        data = self._data(text, environ)
        listed = data.get("devices") or []
        if not isinstance(listed, list):
            self.problems.append(self.places.problem(("devices",), "is a list; begin each entry with '- device:'"))
            listed = []
        sections = self._sections({**data, "devices": []})
        metadata = self._metadata(sections.metadata) if sections and sections.metadata else None
        backends = self._backends(sections) if sections else {}
        self._foreign_credentials(backends)
        written = data.get("backends")
        names = tuple(written) if isinstance(written, dict) else ()
        entries = Entries(backends, names, self.places)
        devices = tuple(self._devices(listed, entries))
        on_demand = self._on_demand(sections.on_demand, entries) if sections and sections.on_demand else None
        freezes = tuple(self._freezes(sections.freeze)) if sections else ()
        groups = tuple(self._groups(sections.groups)) if sections else ()
        policies = tuple(self._policies(sections.policies)) if sections else ()
        raise_all(self.problems)
        assert sections is not None  # or there was a problem
        notes = (*self._not_built(sections), *(str(note) for note in entries.notes.values()))
        return Config(
            self.file, sections.gateway, backends, metadata, devices, notes, on_demand, freezes, groups, policies
        )

    def _data(self, text: str, environ: Mapping[str, str]) -> dict[str, object]:
        try:
            data = read_yaml(text, self.file, self.places)
            if data is None:
                data = {}
            if not isinstance(data, dict):
                raise self.places.problem(
                    (), "a configuration is a mapping with the keys gateway, backends and devices; this is none", ""
                )
            override(data, environ, self.places)
        except BadConfig as error:
            raise ConfigErrors([error]) from None
        return data

    def _sections(self, data: dict[str, object]) -> ConfigFile | None:
        """Everything but the devices, whose entries are judged one by one."""
        try:
            return ConfigFile.model_validate(data)
        except ValidationError as error:
            self.problems += problems_of(error, ConfigFile, self.places)
            return None

    def _metadata(self, section: MetadataSection) -> MetadataConfig:
        url = BackendUrl.parse(section.url)
        if url.scheme not in DATABASES:
            reason = f"{url.scheme} is no device database; write for example devdb+grpc://host:50051, or sim:"
            self.problems.append(self.places.problem(("metadata", "url"), reason))
        return MetadataConfig(url, section.cache, section.refresh)

    def _on_demand(self, section: OnDemandSection, entries: Entries) -> OnDemandConfig | None:
        """What is said of every device that has no entry is judged as the entry of one."""
        stand_in = DeviceEntry(device="M:OUTTMP", backend=section.backend, event=section.event)
        try:
            device = entries.device(stand_in, ("on_demand",))
        except BadConfig as problem:
            self.problems.append(self.places.problem(("on_demand", problem.key), problem.reason))
            return None
        allow, deny = (tuple(pattern.upper() for pattern in words) for words in (section.allow, section.deny))
        route = Route(device.route.read, ())
        return OnDemandConfig(allow, deny, section.linger, route, device.request.event, section.most)

    def _freezes(self, sections: Mapping[str, FreezeSection]) -> Iterator[FreezeConfig]:
        for name, section in sections.items():
            if not self._is_short("freeze", name):
                continue
            if section.when is not None and section.event is not None:
                reason = "has both 'when' and 'event'; leave one out, or make two of it"
                self.problems.append(self.places.problem(("freeze", name), reason))
            else:
                yield FreezeConfig(name, section, *self.places.of(("freeze", name)))

    def _groups(self, sections: Mapping[str, GroupSection]) -> Iterator[GroupConfig]:
        for name, section in sections.items():
            if self._is_short("groups", name):
                yield GroupConfig(name, section, *self.places.of(("groups", name)))

    def _is_short(self, key: str, name: str) -> bool:
        """Whether a name can be part of the name of a PV; if not, that is a problem."""
        fits = re.fullmatch(SHORT_NAME, name) is not None
        if not fits:
            reason = "its name is 1 to 20 letters, digits, '_' and '-'"
            self.problems.append(self.places.problem((key, name), reason))
        return fits

    def _policies(self, sections: Sequence[PolicySection]) -> Iterator[PolicyConfig]:
        names: set[str] = set()
        for index, section in enumerate(sections):
            path: Path = ("policies", index)
            if section.title in names:
                reason = f"{section.title!r} stands twice; give one of them a name of its own"
                self.problems.append(self.places.problem((*path, "name"), reason))
            names.add(section.title)
            yield PolicyConfig(index, section, *self.places.of(path))

    def _backends(self, sections: ConfigFile) -> dict[str, BackendConfig]:
        found = {}
        for name, section in sections.backends.items():
            url = BackendUrl.parse(section.url)
            found[name] = BackendConfig(name, url, section.auth)
            if url.scheme == "devdb+grpc":
                reason = f"devdb+grpc describes devices and serves none; write it as metadata: {{url: {section.url}}}"
                self.problems.append(self.places.problem(("backends", name, "url"), reason))
        return found

    def _devices(self, listed: list[object], entries: Entries) -> Iterator[DeviceConfig]:
        for path, data in self._expanded(listed):
            try:
                yield entries.device(DeviceEntry.model_validate(data), path)
            except ValidationError as error:
                self.problems += problems_of(error, DeviceEntry, self.places, path)
            except BadConfig as problem:
                self.problems.append(problem)

    def _expanded(self, listed: list[object]) -> Iterator[tuple[Path, object]]:
        """The entries with those of included files in their places."""
        for index, data in enumerate(listed):
            path: Path = ("devices", index)
            if not isinstance(data, dict) or "include" not in data:
                yield path, data
                continue
            try:
                yield from self._included(IncludeEntry.model_validate(data).include, path)
            except ValidationError as error:
                self.problems += problems_of(error, IncludeEntry, self.places, path)
            except BadConfig as problem:
                self.problems.append(problem)

    def _included(self, name: str, path: Path) -> Iterator[tuple[Path, object]]:
        kind = name.rpartition(".")[2].lower()
        if kind not in ("csv", "yaml", "yml"):
            raise self.places.problem((*path, "include"), f"{name!r} is neither .csv nor .yaml", "include")
        try:
            text = self.read_include(name)
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "is no UTF-8 text"
            reason = f"cannot read {name!r} ({why}); the name is relative to the configuration file"
            raise self.places.problem((*path, "include"), reason, "include") from None
        if kind == "csv":
            for line, data in read_csv(text, name, _COLUMNS):
                self.places.note((*path, line), name, line)
                yield (*path, line), data
            return
        inner = read_yaml(text, name, self.places, path)
        if isinstance(inner, dict) and set(inner) == {"devices"}:
            path, inner = (*path, "devices"), inner["devices"]
        if not isinstance(inner, list):
            raise self.places.problem(path, "an included file is a list of devices", "")
        for index, data in enumerate(inner):
            if isinstance(data, dict) and "include" in data:
                raise self.places.problem((*path, index), "an included file includes no others", "include")
            yield (*path, index), data

    def _foreign_credentials(self, backends: Mapping[str, BackendConfig]) -> None:
        """A service is told who we are in its own way only."""
        for backend in backends.values():
            taken = SCHEMES[backend.url.scheme].credentials
            for key, name in (("kerberos", "Kerberos"), ("jwt", "JWT")):
                if getattr(backend.auth, key) is not None and name not in taken:
                    reason = f"{backend.url.scheme} does not take it (credentials: {taken}); take it out"
                    self.problems.append(self.places.problem(("backends", backend.name, "auth"), reason, f"auth.{key}"))

    def _not_built(self, sections: ConfigFile) -> Iterator[str]:
        """What the models accept and this version does not do."""
        unbuilt: list[Path] = [("gateway", key) for key in ("http",) if getattr(sections.gateway, key) is not None]
        unbuilt += [(key,) for key in ("history",) if getattr(sections, key) is not None]
        for path in unbuilt:
            yield str(self.places.problem(path, NOT_BUILT))
