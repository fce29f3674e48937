"""What Kerberos says went wrong, in a sentence that names the remedy: one table for all of GSS-API."""

from collections.abc import Iterator
from contextlib import contextmanager

from gssapi.raw.misc import GSSError

from gateway.backends.kerberos_port import KerberosError, TicketExpired

_MODULUS = 1 << 32  # minor codes are unsigned in GSS-API, signed in Kerberos' own tables
_FIRST = -1765328384  # of the table krb5 (krb5.h)
_CREDENTIALS_EXPIRED = 11 << 16  # GSS_S_CREDENTIALS_EXPIRED
_OTHER_PRINCIPAL = 39756032  # KG_CCACHE_NOMATCH, of the mechanism's own table

_EXPIRED = (
    "the Kerberos ticket of {who} in {where} has expired; get a new one with kinit, "
    "or give the backend a keytab (auth.kerberos.keytab), from which acgate renews it"
)
_NO_TICKET = (
    "there is no Kerberos ticket of {who} in {where}; get one with kinit, "
    "or give the backend a keytab (auth.kerberos.keytab)"
)
_UNKNOWN = "the Kerberos server does not know the principal {who}; see auth.kerberos.principal and the keytab"
_WRONG_KEY = "the key of {who} in {where} is not the one that the Kerberos server has; make the keytab anew (ktadd)"
_CLOCK = "the clock of this machine and that of the Kerberos server differ too much; set them (NTP)"
_NO_SERVER = "krb5.conf names no Kerberos server of the realm that is asked for; add it under [realms]"
_CONFIG = "krb5.conf cannot be read, or names no default_realm; see KRB5_CONFIG and /etc/krb5.conf"
_NO_CACHE = "{where} is no cache of Kerberos tickets; see auth.kerberos.cache, or get a ticket with kinit"
_SENTENCES = {
    1: "the Kerberos principal {who} has expired; ask for it to be extended",  # NAME_EXP
    6: _UNKNOWN,  # C_PRINCIPAL_UNKNOWN
    7: "the Kerberos server does not know the service {service}; see the host in the URL of the backend",  # S_PRINC..
    18: "the Kerberos principal {who} is locked; ask for it to be unlocked",  # CLIENT_REVOKED
    23: "the password of {who} has expired; make a new one, and a new keytab",  # KEY_EXP
    24: _WRONG_KEY,  # PREAUTH_FAILED
    31: _WRONG_KEY,  # BAD_INTEGRITY
    32: _EXPIRED,  # TKT_EXPIRED
    37: _CLOCK,  # SKEW
    134: "{who} is no Kerberos principal; write for example user1@FNAL.GOV",  # PARSE_MALFORMED
    135: _CONFIG,  # CONFIG_CANTOPEN
    136: _CONFIG,  # CONFIG_BADFORMAT
    140: _NO_CACHE,  # CC_UNKNOWN_TYPE
    141: _NO_TICKET,  # CC_NOTFOUND
    148: _CLOCK,  # KDCREP_SKEW
    154: _NO_SERVER,  # REALM_UNKNOWN
    156: "no Kerberos server of the realm can be reached; see [realms] in krb5.conf, and the network",  # KDC_UNREACH
    181: _WRONG_KEY,  # KT_NOTFOUND
    194: "the Kerberos ticket in {where} may not be read; see who owns the file",  # FCC_PERM
    195: _NO_TICKET,  # FCC_NOFILE
    199: _NO_CACHE,  # CC_FORMAT
    212: _NO_CACHE,  # CCACHE_BADVNO
    220: "the name of the Kerberos server in krb5.conf has no address; see [realms]",  # REALM_CANT_RESOLVE
    224: _CONFIG,  # CONFIG_NODEFREALM
}
_TABLE = {(_FIRST + number) % _MODULUS: sentence for number, sentence in _SENTENCES.items()} | {
    _OTHER_PRINCIPAL: "the Kerberos ticket in {where} is not of {who}; see auth.kerberos.principal, or use kinit"
}


@contextmanager
def said_plainly(who: str, where: str, service: str = "") -> Iterator[None]:
    """What GSS-API raises inside becomes a KerberosError; the names are for its sentence."""
    try:
        yield
    except GSSError as error:
        sentence = _TABLE.get(error.min_code)
        if sentence is _EXPIRED or error.maj_code & 0xFF0000 == _CREDENTIALS_EXPIRED:
            raise TicketExpired(_EXPIRED.format(who=who, where=where)) from None
        if sentence is None:
            raise KerberosError(f"Kerberos fails for {who}: {words_of(error)}") from None
        raise KerberosError(sentence.format(who=who, where=where, service=service)) from None


def words_of(error: GSSError) -> str:
    """The library's own words, on one line: those of the mechanism, where it has some."""
    codes = ((error.min_code, False), (error.maj_code, True))
    said = [text for code, is_major in codes for text in error.get_all_statuses(code, is_major) if code]
    telling = [text for text in said if text not in ("Success", "Unknown error")]
    return (telling or said or ["no reason given"])[0].replace("\n", " ")
