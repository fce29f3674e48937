"""The section `gateway` of the configuration, and what is limited and recorded in it."""

from typing import Literal, Self

from pydantic import Field, model_validator

from gateway.config.problems import SHORT_NAME
from gateway.config.scalars import Event, Interfaces, Networks, Section, Switch


class FailoverSection(Section):
    """When a route with several backends takes another one."""

    hold: float = Field(
        default=30.0, gt=0, le=86400, description="s for which a preferred backend must work before it serves again"
    )
    grace: float = Field(
        default=2.0, ge=0, le=60, description="s for which a loss is not told while another backend may take over"
    )
    standby: Literal["cold", "warm"] = Field(
        default="cold", description="warm: the alternatives are watched all the time; cold: when they are needed"
    )


class LimitsSection(Section):
    """How much clients may ask for; a rate of 0 sets no limit."""

    puts_per_client: int = Field(default=2000, ge=0, description="puts of one client in any second")
    puts_per_pv: int = Field(default=500, ge=0, description="puts to one PV in any second")
    puts_total: int = Field(default=10_000, ge=0, description="puts to the gateway in any second")
    puts_waiting: int = Field(default=10_000, ge=1, description="puts that may wait for one route")
    puts_waiting_per_client: int = Field(default=2000, ge=1, description="of these, puts of one client")
    circuits: int = Field(default=1000, ge=1, description="TCP circuits of all clients")
    circuits_per_address: int = Field(default=200, ge=1, description="TCP circuits of one address")
    circuits_per_second: int = Field(default=500, ge=0, description="new circuits of one address in any second")
    searches_per_second: int = Field(
        default=100_000, ge=0, description="names that one address may search for over UDP in any second"
    )
    channels: int = Field(default=60_000, ge=1, description="channels of one circuit")
    monitors: int = Field(default=60_000, ge=1, description="subscriptions of one circuit")
    channels_per_address: int = Field(default=300_000, ge=1, description="channels of all circuits of one address")
    monitors_per_address: int = Field(default=300_000, ge=1, description="subscriptions of one address")
    message: int = Field(
        default=0, ge=0, description="bytes of one message of a client; 0: what the largest writable PV needs"
    )


class AuditSection(Section):
    """The journal of puts: one JSON line, or one row of a table, for each, or both."""

    file: str | None = Field(default=None, description="file that lines are added to")
    url: str | None = Field(default=None, description="database with the table puts, for example sqlite:///puts.db")
    required: Switch = Field(default=False, description="on refuses puts while the journal cannot be written")
    caputlog: str | None = Field(
        default=None, description="host:port of a log server for lines as caPutLog writes them"
    )

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.file is None and self.url is None:
            raise ValueError("names no place; write file, or url, or both")
        if self.caputlog is not None and self.file is None:
            raise ValueError("caputlog sends a copy of what is in the file; write file, too")
        return self


class GatewaySection(Section):
    """The gateway itself."""

    name: str = Field(default="GW1", pattern=SHORT_NAME, description="prefix of the diagnostic PVs")
    interfaces: Interfaces = Field(
        default=(), description="addresses to listen on; empty: as the EPICS environment says"
    )
    writes: Switch = Field(default=False, description="off refuses every put, whatever else is said")
    access_file: str | None = Field(default=None, description="EPICS access security file")
    allow: Networks = Field(default=(), description="client networks; empty: where the gateway is bound")
    allow_write: Networks = Field(default=(), description="client networks that may set; empty: all that may connect")
    lease: Switch = Field(default=False, description="on lets a client set only while it has a lease")
    lease_longest: float = Field(default=3600.0, gt=0, description="s that a lease may last")
    lock_longest: float = Field(default=3600.0, gt=0, description="s that a lock lasts unless it is taken again")
    limits: LimitsSection = LimitsSection()
    audit: AuditSection | None = None
    http: str | None = Field(default=None, description="host:port of the web console")
    buffer: int = Field(default=1000, ge=1, le=1_000_000, description="depth of the circular buffers, in readings")
    failover: FailoverSection = FailoverSection()
    alarm_event: Event = Field(default="p,2000", description="when alarm blocks are acquired, for example p,2000")
    fast: Switch = Field(default=True, description="off sends plain scalars the ordinary way too, to look for faults")
