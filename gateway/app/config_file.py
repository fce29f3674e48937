"""The configuration file: read from disk with its includes and the environment."""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from gateway.config.config import Config
from gateway.config.load import load
from gateway.core.errors import BadInput


def read_config(path: str | Path, environ: Mapping[str, str] | None = None) -> Config:
    """The checked configuration of a file; BadInput, of which ConfigErrors is one, says all that is wrong."""
    return read_digested(path, environ)[0]


def read_digested(path: str | Path, environ: Mapping[str, str] | None = None) -> tuple[Config, str]:
    """The same, and a digest of the file and of all that it includes, by which two readers know that it is the same."""
    digest, folder = sha256(), Path(path).parent

    def included(name: str) -> str:
        text = (folder / name).read_text("utf-8")
        digest.update(text.encode())
        return text

    text = read_text(path, "name a configuration file")
    digest.update(text.encode())
    config = load(text, str(path), os.environ if environ is None else environ, included)
    return config, digest.hexdigest()


def read_text(path: str | Path, remedy: str = "name a file that can be read") -> str:
    """The text of a file; BadInput says why it cannot be had."""
    try:
        return Path(path).read_text("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is no UTF-8 text; {remedy}") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
