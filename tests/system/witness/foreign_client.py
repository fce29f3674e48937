"""Runs in an environment of its own, apart from acgate: one `pacsys` backend that does what it is told.

Not a test and not a part of acgate; see `witness.py`, which starts it. Each line on standard input is a step, a JSON
list `[verb, argument, ...]`; each is answered by one line of JSON. The first line is the arguments of `pacsys.dpm`,
or of what `service` names, and `kerberos`: whether to log in. An exception is an answer: `{"raised": its class, ...}`.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC

import pacsys
from pacsys.ssh import SSHClient, SSHHop


def plain(value):
    """A value as JSON has it."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def reading(came):
    """A reading as JSON; the stamp in milliseconds since 1970 UTC."""
    stamp = came.timestamp
    if stamp is not None and stamp.tzinfo is None:
        stamp = stamp.astimezone(UTC)
    meta = came.meta
    return {
        "drf": came.drf,
        "name": came.name,
        "kind": came.value_type.name if came.value_type else None,
        "ok": came.ok,
        "facility": came.facility_code,
        "error": came.error_code,
        "value": plain(came.value),
        "stamp_ms": None if stamp is None else round(stamp.timestamp() * 1000),
        "cycle": came.cycle,
        "units": came.units,
        "index": meta.device_index if meta else None,
        "description": meta.description if meta else None,
    }


def result(came):
    """The result of a write as JSON."""
    return {
        "drf": came.drf,
        "ok": came.ok,
        "facility": came.facility_code,
        "error": came.error_code,
        "message": came.message,
    }


def value_to_write(wished):
    """The reverse of `plain`."""
    return bytes.fromhex(wished["hex"]) if isinstance(wished, dict) and set(wished) == {"hex"} else wished


class Steps:
    """The verbs; each method is one."""

    def __init__(self, backend):
        self.backend = backend
        self.streams = {}
        self.failures = {}

    def get(self, drf):
        """One reading."""
        return reading(self.backend.get(drf))

    def get_many(self, drfs):
        """Many readings in one call."""
        return [reading(came) for came in self.backend.get_many(drfs)]

    def get_at_once(self, drfs):
        """Many calls, all in threads of their own."""
        with ThreadPoolExecutor(len(drfs)) as pool:
            return [reading(came) for came in pool.map(self.backend.get, drfs)]

    def write(self, drf, wished):
        """One setting."""
        return result(self.backend.write(drf, value_to_write(wished)))

    def write_many(self, wishes):
        """Many settings in one call."""
        return [result(came) for came in self.backend.write_many([(drf, value_to_write(w)) for drf, w in wishes])]

    def stream(self, drfs, seconds):
        """What a subscription brings within a time, and that it ends when told to."""
        with self.backend.subscribe(drfs) as handle:
            came = [reading(one) for one, _ in handle.readings(timeout=seconds)]
            dropped, exc = handle.dropped, handle.exc
        return {"readings": came, "dropped": dropped, "failed": failure(exc), "stopped": handle.stopped}

    def open_stream(self, name, drfs):
        """Begin a subscription that outlasts this step."""
        self.streams[name] = self.backend.subscribe(drfs, on_error=lambda exc, _: self.failures.setdefault(name, exc))

    def take_stream(self, name, seconds):
        """What an open subscription brings within a time."""
        handle = self.streams[name]
        try:
            came = [reading(one) for one, _ in handle.readings(timeout=seconds)]
        except Exception as error:  # noqa: BLE001 - whatever the client raises is the answer
            return {"readings": [], "failed": failure(error), "stopped": handle.stopped}
        failed = handle.exc or self.failures.get(name)
        return {"readings": came, "failed": failure(failed), "stopped": handle.stopped}

    def await_failure(self, name, seconds):
        """How an open subscription ended, within a time; None when it goes on."""
        deadline = time.monotonic() + seconds
        handle = self.streams[name]
        while handle.exc is None and name not in self.failures and time.monotonic() < deadline:
            time.sleep(0.02)
        return failure(handle.exc or self.failures.get(name))

    def execute(self, script):
        """The text that ACL prints for a query, which is sent as it is."""
        return self.backend.execute(script)

    def talk_over_ssh(self, hops, commands, timeout):
        """The answers of one interactive session of ACL; hosts are `[port, user, key file]`, the last is the node."""
        with SSHClient(hops_of(hops)) as ssh, ssh.acl_session(timeout=timeout) as session:
            return [session.send(command) for command in commands]

    def script_over_ssh(self, hops, commands):
        """The output of one script of ACL, run as a file."""
        with SSHClient(hops_of(hops)) as ssh:
            return ssh.acl(commands)

    def principal(self):
        """Who is logged in."""
        return self.backend.principal


def hops_of(hops):
    """Hosts as the client has them."""
    return [
        SSHHop("127.0.0.1", port=port, username=user, auth_method="key", key_filename=key) for port, user, key in hops
    ]


def failure(error):
    """An exception as JSON, None for none."""
    if error is None:
        return None
    partial = [reading(came) for came in getattr(error, "readings", None) or []]
    return {"raised": type(error).__name__, "says": str(error), "readings": partial}


def answer_with(what):
    """One line of JSON."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main():
    """Serve the steps until the input ends."""
    arguments = json.loads(sys.stdin.readline())
    try:
        if arguments.pop("kerberos", False):
            arguments["auth"] = pacsys.KerberosAuth()
        if token := arguments.pop("token", None):
            arguments["auth"] = pacsys.JWTAuth(token=token)
        backend = getattr(pacsys, arguments.pop("service", "dpm"))(**arguments)
    except Exception as error:  # noqa: BLE001 - whatever the client raises is the answer
        answer_with(failure(error))
        return
    with backend:
        answer_with(None)
        steps = Steps(backend)
        for line in sys.stdin:
            verb, *words = json.loads(line)
            try:
                answer = getattr(steps, verb)(*words)
            except Exception as error:  # noqa: BLE001 - whatever the client raises is the answer
                answer = failure(error)
            answer_with(answer)


if __name__ == "__main__":
    main()
