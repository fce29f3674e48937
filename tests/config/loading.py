"""Loads configurations from texts, for the tests."""

from collections.abc import Mapping

from gateway.config.config import Config
from gateway.config.load import load

HEAD = 'backends: {dpm: {url: "dpm+http://h"}, acl: {url: "acl+https://h/acl.pl"}}\ndevices:\n'


def loaded(text: str, files: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration of a text, whose includes are in `files`."""

    def read(name: str) -> str:
        if name not in (files or {}):
            raise FileNotFoundError(2, "No such file or directory", name)
        return (files or {})[name]

    return load(text, "gw.yaml", environ or {}, read)


def with_devices(*entries: str) -> Config:
    """A configuration with the backends dpm and acl, and a device per flow mapping."""
    return loaded(HEAD + "".join(f"  - {entry}\n" for entry in entries))
