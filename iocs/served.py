"""Served: every kind of channel that a circuit may have."""

from typing import TypeAlias

from iocs.channel import Channel
from iocs.filtered import FilteredChannel
from iocs.record_fields import FieldChannel
from iocs.row_channel import RowChannel

Served: TypeAlias = Channel | RowChannel | FieldChannel | FilteredChannel
