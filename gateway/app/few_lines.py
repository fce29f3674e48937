"""FewLines: a log that one client cannot fill (users.md 1.15)."""

import logging

MOST = 10  # lines of one cause in a minute
WINDOW = 60.0  # s
CLIENTS = (  # loggers that write what clients bring about
    "acgate.circuit", "acgate.puts", "acgate.server", "acgate.search", "acgate.ondemand",
    "gateway.backends.dpm_describe", "gateway.backends.dmq_describe",
)  # fmt: skip


class FewLines(logging.Filter):
    """Lets ten lines of one cause pass in a minute; the first line of a later one says how many were left out.

    A cause is the text before its arguments are put in, so there are as many as there are places that log.
    """

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[tuple[str, object], list[float]] = {}  # its beginning, and the lines since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written; what clients do not bring about always is."""
        if record.name not in CLIENTS:
            return True
        window = self._windows.setdefault((record.name, record.msg), [record.created, 0])
        if record.created - window[0] >= WINDOW:
            left = int(window[1]) - MOST
            window[:] = [record.created, 0]
            if left > 0:
                record.msg = f"{record.msg} ({left} more lines like this were left out before)"
        window[1] += 1
        return window[1] <= MOST
