"""The admin, and what it asks and tells: topics, configs, records, groups, brokers."""

from gomq.client.admin.admin import Admin
from gomq.client.admin.api_versions import BrokerApi
from gomq.client.admin.configs import ConfigEntry, ConfigSynonym
from gomq.client.admin.descriptions import ClusterDescription, PartitionDescription, TopicDescription
from gomq.client.admin.group_descriptions import (
    GroupDescription,
    GroupListing,
    GroupState,
    GroupType,
    MemberDescription,
)
from gomq.client.admin.group_offsets import GroupOffset
from gomq.client.admin.log_dirs import LogDir, LogSize
from gomq.client.admin.producers import ProducerDescription
from gomq.client.admin.resets import ResetPlan, ResetRow
from gomq.client.admin.topics import NewTopic

__all__ = (
    "Admin", "BrokerApi", "ClusterDescription", "ConfigEntry", "ConfigSynonym", "GroupDescription", "GroupListing",
    "GroupOffset", "GroupState", "GroupType", "LogDir", "LogSize", "MemberDescription", "NewTopic",
    "PartitionDescription", "ProducerDescription", "ResetPlan", "ResetRow", "TopicDescription",
)  # fmt: skip
