"""The section `groups` of the configuration: settings of several devices that one put sends."""

from pydantic import Field

from gateway.config.scalars import Section, Words


class GroupSection(Section):
    """One group put, `GRP:name:VALUES`, `:EXECUTE`, `:RESULTS`."""

    members: Words = Field(min_length=1, description="PVs that take a setting of one number, for example Z:ACLTST:SP")
    precheck: bool = Field(default=True, description="all or nothing: whether one that is refused keeps back all")
    group: str = Field(
        default="DEFAULT", min_length=1, description="access security group (ASG) of the PVs of the group itself"
    )
