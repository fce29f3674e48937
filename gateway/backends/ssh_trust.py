"""Whom we trust over SSH, and how we log in (acl.md 7.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from gateway.backends.kerberos_port import Credentials
from gateway.backends.tcp import said

SYSTEM_KNOWN_HOSTS = "~/.ssh/known_hosts"


class Untrusted(Exception):
    """Why a host is not trusted, or a key cannot be used: a sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class Hop:
    """A host on the way, or the one at its end."""

    host: str
    port: int
    user: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Login:
    """How we log in, and whom we trust. Secrets are in files, agents and ticket caches, never here."""

    key_file: str | None = None  # None: the keys of the agent, and the usual files
    known_hosts: str = SYSTEM_KNOWN_HOSTS
    agent: bool = True
    kerberos: Credentials | None = None  # tried before keys

    def remedy(self, hop: Hop) -> str:
        """What helps when the host refuses the login."""
        keys = "name a key_file that it knows, or use an agent"
        if self.kerberos is None:
            return keys
        return f"the KDC must know host/{hop.host}, and {hop.user} must accept that ticket; or {keys}"

    def words(self, store: Mapping[bytes | str, bytes | str] | None) -> dict[str, object]:
        """The credentials in asyncssh's words; `store` is where the Kerberos ticket is (None: the default cache).

        Tickets are not handed on to the host: that would be for settings, which do not go this way.
        """
        words: dict[str, object] = {"preferred_auth": ["gssapi-with-mic", "publickey"], "gss_kex": False}
        if self.kerberos is None:
            words["gss_host"] = None
        else:
            words["gss_store"] = store
        if self.key_file is not None:
            return {**words, "client_keys": [self._key(self.key_file)], "agent_path": None}
        return {**words, "ignore_encrypted": True, **({} if self.agent else {"agent_path": None})}

    def _key(self, name: str) -> asyncssh.SSHKey:
        path = Path(name).expanduser()
        try:
            return asyncssh.read_private_key(path)
        except OSError as error:
            raise Untrusted(f"cannot read the key {path}: {said(error)}") from None
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise Untrusted(f"cannot use the key {path}: {error}; one with a passphrase belongs in an agent") from None

    def hosts(self) -> asyncssh.SSHKnownHosts:
        """The keys of hosts; none where there is no file, and then every host is refused, with its key."""
        path = Path(self.known_hosts).expanduser()
        try:
            return asyncssh.import_known_hosts(path.read_text("utf-8"))
        except FileNotFoundError:
            return asyncssh.import_known_hosts("")
        except OSError as error:
            raise Untrusted(f"cannot read {path}: {said(error)}") from None
        except UnicodeError:
            raise Untrusted(f"cannot read {path}: it is no text") from None
        except ValueError as error:
            raise Untrusted(f"cannot read {path}: {error}") from None


class HostKeys(asyncssh.SSHClient):
    """Asked about a key that is not among the known ones: refuses it, with the words that help in `refused`."""

    def __init__(self, hop: Hop, hosts: asyncssh.SSHKnownHosts, file: str) -> None:
        self._hop, self._hosts, self._file = hop, hosts, file
        self.refused = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """See asyncssh."""
        name = host if port == 22 else f"[{host}]:{port}"
        offered = key.get_fingerprint()
        if known := self._hosts.match(host, addr, port)[0]:
            self.refused = (
                f"the host key of {name} has changed: {offered} in place of "
                f"{', '.join(each.get_fingerprint() for each in known)}; somebody may be in between. If the change is "
                f"meant, replace it in {self._file}"
            )
        else:
            self.refused = (
                f"the host key of {name} is unknown ({key.get_algorithm()} {offered}); "
                f"compare it and add it to {self._file}"
            )
        return False
