"""One backend spoken to directly, for the commands read, write and watch: its options, requests and units."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gateway.app.adapters import open_any
from gateway.app.config_file import read_text
from gateway.backends.open import ANONYMOUS
from gateway.config.backend_url import SCHEMES, BackendUrl, capability_table
from gateway.config.models import Auth, Jwt, Kerberos
from gateway.core.drf import DataRequest
from gateway.core.errors import BadInput
from gateway.core.ports import Backend, DeviceInfoSource
from gateway.runtime.clock import SystemClock

LONGEST_WAIT = 3600.0  # s
TOKEN = "ACGATE_JWT"  # environment variable


def seconds(text: str) -> float:
    """A time of the command line, in s; argparse prints the message."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= LONGEST_WAIT:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write seconds, more than 0 and at most 3600")
    return value


def add_backend_options(parser: argparse.ArgumentParser) -> None:
    """The options that all three have."""
    parser.add_argument(
        "--backend", metavar="URI", required=True, help="for example dpm+http://127.0.0.1:6802, or sim:"
    )
    parser.add_argument("--timeout", metavar="S", type=seconds, default=5.0, help="seconds to wait (default 5)")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"backends:\n{capability_table()}"


def parse_requests(texts: Sequence[str]) -> list[DataRequest]:
    """The requests; BadRequest or BadInput names the first that a backend cannot be asked."""
    requests = [DataRequest.parse(text) for text in texts]
    for text, request in zip(texts, requests, strict=True):
        if " " in text or (reason := request.gateway_reason()):
            raise BadInput(f"{text!r}: {'holds a space; take it out' if ' ' in text else reason}")
    return requests


@contextmanager
def opened(args: argparse.Namespace, kerberos: bool = False) -> Iterator[Backend]:
    """The backend of the option `--backend`, closed at the end.

    With the user's ticket of Kerberos where that is wished, and where nothing goes without; over gRPC with the token
    of the environment, if there is one.
    """
    url = BackendUrl.parse(args.backend)
    if kerberos and "Kerberos" not in SCHEMES[url.scheme].credentials:
        raise BadInput(f"--kerberos: {url.scheme} does not take a ticket; leave the option out")
    wanted = kerberos or SCHEMES[url.scheme].needs_credentials
    auth = Auth(kerberos=Kerberos()) if wanted else ANONYMOUS
    if url.scheme == "dpm+grpc":
        auth = Auth(jwt=Jwt(token_env=TOKEN))
    backend = open_any("backend", url, SystemClock(), read_text, auth)
    try:
        yield backend
    finally:
        backend.close()


def units_of(backend: Backend, requests: Sequence[DataRequest], timeout: float) -> list[str]:
    """The units of each request's values, as far as the backend tells; empty texts else."""
    if not isinstance(backend, DeviceInfoSource):
        return [""] * len(requests)
    infos = backend.describe(list(dict.fromkeys(request.device for request in requests)), timeout)
    units = []
    for request in requests:
        info = infos.get(request.device)
        known = {"READING": info.reading, "SETTING": info.setting} if info else {}
        prop = known.get(request.property_word)
        units.append(prop.units if prop and request.field == "SCALED" else "")
    return units
