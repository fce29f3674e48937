"""What a security layer of the simulator says no with; it can be imported without the extra `kerberos`."""

from gateway.core.errors import AcgateError


class Rejected(AcgateError):
    """A token or a signature that is not accepted; the text says why."""
