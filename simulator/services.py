"""The simulated central services: one facility behind every protocol that is served, started and ended together."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gateway.core.errors import BadInput
from gateway.core.ports import Clock
from simulator.acl_server import PATH, AclServer
from simulator.control import ControlPort
from simulator.daq_manners import DPM, Manners
from simulator.dpm_identity import Anybody, Identity, KerberosIdentity, service_name
from simulator.dpm_server import DpmServer
from simulator.facility import Facility
from simulator.faults import Faults
from simulator.sent_log import SentLog

if TYPE_CHECKING:  # what needs extras
    from gateway.runtime.amqp import Broker
    from simulator.dmq_job import Rules
    from simulator.gss_acceptor import Acceptor

# how an address stands in a ready file; the others are host:port
_WRITTEN = {"control": "http://{}:{}", "acl": f"http://{{}}:{{}}{PATH}", "amqp": "amqp://{}:{}/"}


class Server(Protocol):
    """One service that listens."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens; what was wished for until it does."""
        ...

    def start(self) -> None:
        """Listen and serve; BadInput, one sentence, when the port cannot be had."""
        ...

    def stop(self) -> bool:
        """End within two seconds; False when a worker did not. Safe to call twice."""
        ...


class Services:
    """What `acgate simulate` runs. `ports` says which services, by the keys of a ready file; 0 is any free port.

    `sent_log` names a CSV file that gets every value that is sent (see `SentLog`). A `keytab` lets services that know
    Kerberos check tokens, signatures and permissions, `jwt_secret` names a file that turns on the check of tokens, and
    `manners` says what kind of server that of gRPC is, `rules` what kind that of DMQ is. `broker` is the one that DMQ
    joins. BadInput when a keytab cannot be used.
    """

    def __init__(
        self,
        facility: Facility,
        clock: Clock,
        ports: Mapping[str, int],
        *,
        host: str = "127.0.0.1",
        sent_log: Path | None = None,
        keytab: Path | None = None,
        jwt_secret: Path | None = None,
        manners: Manners = DPM,
        broker: "Broker | None" = None,
        rules: "Rules | None" = None,
    ) -> None:
        self.facility = facility
        self._acceptor = None if keytab is None else _acceptor(keytab)
        self._jwt_secret, self._manners = jwt_secret, manners
        self._clock, self._host, self._log_path = clock, host, sent_log
        self._makers: dict[str, Callable[[int, SentLog | None], Server]] = {
            "dpm_http": self._dpm_http,
            "dpm_grpc": self._dpm_grpc,
            "devdb": self._devdb,
            "acl": self._acl,
            "amqp": self._amqp,
            "control": self._control,
        }
        self._broker, self._rules = broker, rules
        wanted = {**ports, "amqp": broker.port} if broker is not None else ports
        self._ports = {key: wanted[key] for key in self._makers if key in wanted}
        self.faults = Faults(*(key for key in self._ports if key != "control"))
        self.servers: dict[str, Server] = {}  # those that were started, by the key
        self._open = ExitStack()
        self._ended = True

    def start(self) -> None:
        """Listen on everything, or raise BadInput and leave nothing behind."""
        with ExitStack() as opened:
            log = None
            if self._log_path is not None:
                try:
                    log = SentLog(self._log_path)
                except OSError as error:
                    raise BadInput(f"the sent log {self._log_path} cannot be written: {error.strerror}") from None
                opened.callback(log.close)
            for key, port in self._ports.items():
                server = self._makers[key](port, log)
                server.start()
                opened.callback(self._stop, server)
                self.servers[key] = server
            self._open = opened.pop_all()

    def _stop(self, server: Server) -> None:
        self._ended = server.stop() and self._ended

    def _dpm_http(self, port: int, log: SentLog | None) -> Server:
        return DpmServer(
            self.facility, self._clock, port, self._host, faults=self.faults, sent_log=log, identify=self._identity
        )

    def _identity(self) -> Identity:
        """What is known of a new client."""
        if self._acceptor is None:
            return Anybody()
        return KerberosIdentity(self._acceptor, service_name(self._acceptor.principals), self.facility.permissions)

    def _dpm_grpc(self, port: int, log: SentLog | None) -> Server:
        try:
            from simulator.grpc_server import GrpcServer
            from simulator.tokens import TokenCheck
        except ImportError as error:
            raise BadInput(f"DPM over gRPC needs {error.name}; pip install 'acgate[grpc]'") from None
        secret = self._jwt_secret
        check = TokenCheck.from_file(secret, lambda: self._clock.now_ns() / 1e9) if secret is not None else None
        return GrpcServer(
            self.facility, self._clock, port, self._host, faults=self.faults, sent_log=log, check=check,
            manners=self._manners,
        )  # fmt: skip

    def _devdb(self, port: int, log: SentLog | None) -> Server:
        del log
        try:
            from simulator.devdb_server import DevdbServer
        except ImportError as error:
            raise BadInput(f"the device database needs {error.name}; pip install 'acgate[grpc]'") from None
        return DevdbServer(self.facility, self._clock, port, self._host, faults=self.faults)

    def _acl(self, port: int, log: SentLog | None) -> Server:
        return AclServer(self.facility, self._clock, port, self._host, faults=self.faults, sent_log=log)

    def _amqp(self, port: int, log: SentLog | None) -> Server:
        from simulator.dmq_server import DmqServer  # needs the extra dmq

        del port  # the broker's, which the server does not choose
        assert self._broker is not None
        return DmqServer(
            self.facility, self._clock, self._broker, faults=self.faults, sent_log=log, acceptor=self._acceptor,
            rules=self._rules,
        )  # fmt: skip

    def _control(self, port: int, log: SentLog | None) -> Server:
        del log
        return ControlPort(self.facility, self.faults, port, self._host)

    @property
    def dpm(self) -> DpmServer:
        """The server of DPM/HTTP, which was started."""
        server = self.servers["dpm_http"]
        assert isinstance(server, DpmServer)
        return server

    @property
    def acl(self) -> AclServer:
        """The server of ACL, which was started."""
        server = self.servers["acl"]
        assert isinstance(server, AclServer)
        return server

    @property
    def addresses(self) -> dict[str, str]:
        """Where each service listens, as a ready file has it."""
        return {key: _WRITTEN.get(key, "{}:{}").format(*server.address) for key, server in self.servers.items()}

    def stop(self) -> bool:
        """End everything within two seconds; False when a worker did not end. Safe to call twice."""
        self._ended = True
        self._open.close()
        return self._ended


def _acceptor(keytab: Path) -> "Acceptor":
    try:
        from simulator.gss_acceptor import Acceptor
    except ImportError as error:
        raise BadInput(f"a keytab needs {error.name}; pip install 'acgate[kerberos]'") from None
    return Acceptor(keytab)
