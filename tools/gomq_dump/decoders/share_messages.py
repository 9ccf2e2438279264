"""Records of ``__consumer_offsets`` of share groups (KIP-932), and of ``__share_group_state``.

Kafka: ``org.apache.kafka.coordinator.group.generated``, ``org.apache.kafka.coordinator.share.generated``.
"""

from typing import Final

from gomq_dump.decoders.schema import read_messages

SHARE_GROUP_MESSAGES: Final = read_messages("""\
ShareGroupMemberMetadataKey 10 versions 0
    groupId string
    memberId string
ShareGroupMemberMetadataValue 10 versions 0 flexible 0+
    rackId string?
    clientId string
    clientHost string
    subscribedTopicNames []string
ShareGroupMetadataKey 11 versions 0
    groupId string
ShareGroupMetadataValue 11 versions 0 flexible 0+
    epoch int32
    metadataHash int64
ShareGroupTargetAssignmentMetadataKey 12 versions 0
    groupId string
ShareGroupTargetAssignmentMetadataValue 12 versions 0 flexible 0+
    assignmentEpoch int32
    assignmentTimestamp int64 tag 0
ShareGroupTargetAssignmentMemberKey 13 versions 0
    groupId string
    memberId string
ShareGroupTargetAssignmentMemberValue 13 versions 0 flexible 0+
    topicPartitions []
        topicId uuid
        partitions []int32
ShareGroupCurrentMemberAssignmentKey 14 versions 0
    groupId string
    memberId string
ShareGroupCurrentMemberAssignmentValue 14 versions 0 flexible 0+
    memberEpoch int32
    previousMemberEpoch int32
    state int8
    assignedPartitions []
        topicId uuid
        partitions []int32
ShareGroupStatePartitionMetadataKey 15 versions 0
    groupId string
ShareGroupStatePartitionMetadataValue 15 versions 0 flexible 0+
    initializingTopics []
        topicId uuid
        topicName string
        partitions []int32
    initializedTopics []
        topicId uuid
        topicName string
        partitions []int32
    deletingTopics []
        topicId uuid
        topicName string
""")

SHARE_STATE_MESSAGES: Final = read_messages("""\
ShareSnapshotKey 0 versions 0
    groupId string
    topicId uuid
    partition int32
ShareSnapshotValue 0 versions 0 flexible 0+
    snapshotEpoch int32
    stateEpoch int32
    leaderEpoch int32
    startOffset int64
    deliveryCompleteCount int32 tag 0 = -1
    createTimestamp int64
    writeTimestamp int64
    stateBatches []
        firstOffset int64
        lastOffset int64
        deliveryState int8
        deliveryCount int16
ShareUpdateKey 1 versions 0
    groupId string
    topicId uuid
    partition int32
ShareUpdateValue 1 versions 0 flexible 0+
    snapshotEpoch int32
    leaderEpoch int32
    startOffset int64
    deliveryCompleteCount int32 tag 0 = -1
    stateBatches []
        firstOffset int64
        lastOffset int64
        deliveryState int8
        deliveryCount int16
""")
