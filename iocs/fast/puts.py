"""Puts: what one client wants to have set, each with one answer."""

import logging
from typing import Any

from gateway.access.judge import Layer, Refusal
from iocs.fast import messages as ca
from iocs.fast.dbr import NotConverted
from iocs.fast.encode import decode
from iocs.fast.monitors import Monitors
from iocs.fast.service import Client, Service
from iocs.put import NotSettable, Put, PutFailed

log = logging.getLogger("acgate.puts")


class Puts(Monitors):
    """The puts of one circuit; lives on the loop."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self.user, self.host, self.address, self.peer = "", "", "", ""
        self._putting = 0  # puts under way

    def take_put(self, message: ca.Message, client: Client) -> None:
        """Begin a put, or say why it cannot be."""
        try:
            if message.elements > client.channel.native(client.long_string)[1]:
                raise NotConverted(f"{message.elements} elements are more than it has")
            value = decode(client.channel, message.data_type, message.elements, message.payload)
        except NotConverted as error:
            value = error
        if not client.rights & ca.RIGHT_WRITE:
            self._deny(message, client, "" if isinstance(value, NotConverted) else value, None, ca.NO_WRITE_ACCESS)
            return
        if isinstance(value, NotConverted):
            reason = str(value) or "the value is none of its type"
            too_many = message.elements > client.channel.native(client.long_string)[1]
            status = ca.BAD_COUNT if too_many else ca.PUT_FAILED
            self._deny(message, client, "", Refusal(Layer.VALUE, reason), status)
            return
        self.service.begin(self._put(message, client, value))

    def who(self) -> Put:
        """Its client, as who puts."""
        return Put(self.user, self.host, self.address, self)

    def _deny(self, message: ca.Message, client: Client, value: Any, refusal: Refusal | None, status: int) -> None:
        """Refuse a put here: for want of rights (None), or since its value is none for the PV."""
        self.service.denied(client.channel, value, self.who(), refusal)
        self._answer_put(message, client, status)

    async def _put(self, message: ca.Message, client: Client, value: Any) -> None:
        status, channel = ca.NORMAL, client.channel
        self._putting += 1
        try:
            await channel.put(value, self.who())
        except PutFailed as failure:
            log.info("put of %s@%s to %s failed: %s", self.user, self.peer, channel.pvname, failure)
            if isinstance(failure, NotSettable):
                self.service.denied(channel, value, self.who(), Refusal(Layer.DEVICE, str(failure)))
            status = ca.NO_WRITE_ACCESS if failure.by_rights else ca.PUT_FAILED
        except Exception:  # a task ends here, and reports
            log.exception("put to %s broke", channel.pvname)
            status = ca.PUT_FAILED
        self._putting -= 1
        self._answer_put(message, client, status)

    def _answer_put(self, message: ca.Message, client: Client, status: int) -> None:
        """A put-callback always gets a put reply, a plain put an error message when it fails (users.md 2.1)."""
        if message.command == ca.WRITE_NOTIFY:
            # while puts are under way, their answers leave together
            answer = self.write if self._putting or self.corked else self.send
            answer(ca.pack(ca.WRITE_NOTIFY, message.data_type, message.elements, status, message.parameter2))
        elif status != ca.NORMAL:
            self.refuse(message, client.cid, status, "the value was not written")
