"""The socket of a simulated service, and the sentence for a port that cannot be had."""

import socket
import struct

from gateway.core.errors import BadInput

ABORT = struct.pack("ii", 1, 0)  # for SO_LINGER: close with a reset


def bound(address: tuple[str, int], service: str) -> socket.socket:
    """A socket that has the address and does not listen yet: whoever connects is refused. BadInput says why not."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setblocking(False)
    try:
        made.bind(address)
    except (OSError, OverflowError) as error:
        made.close()
        reason = error.strerror if isinstance(error, OSError) else "no such port"
        raise BadInput(
            f"the simulated {service} cannot listen on {address[0]}:{address[1]} ({reason}); "
            "choose another port, 0 takes any free one"
        ) from None
    return made
