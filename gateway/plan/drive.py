"""Drive: how far a setting may go, where the configuration says more of it than the device database."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drive:
    """Limits of what may be put, beside those of the device database."""

    low: float | None = None  # None: what the device database says, or a PV
    high: float | None = None
    low_pv: str = ""  # that says it now; empty for none
    high_pv: str = ""
    clamp: bool = False  # whether a put beyond a limit goes on with the limit's value

    @property
    def pvs(self) -> tuple[str, ...]:
        """The PVs that limits depend on."""
        return tuple(name for name in (self.low_pv, self.high_pv) if name)


NO_DRIVE = Drive()
