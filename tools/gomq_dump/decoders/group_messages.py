"""Records of ``__consumer_offsets``: offsets, classic groups and what their members say, consumer groups (KIP-848).

Kafka: ``org.apache.kafka.coordinator.group.generated``, ``ConsumerProtocol``. Keys and values that belong together have
the same number.
"""

from typing import Final

from gomq_dump.decoders.schema import read_messages

GROUP_MESSAGES: Final = read_messages("""\
LegacyOffsetCommitKey 0 versions 0
    group string
    topic string
    partition int32
LegacyOffsetCommitValue 0 versions 0
    offset int64
    metadata string
    commitTimestamp int64
OffsetCommitKey 1 versions 0
    group string
    topic string
    partition int32
OffsetCommitValue 1 versions 0-4 flexible 4+
    offset int64
    leaderEpoch int32 3+
    metadata string
    commitTimestamp int64
    expireTimestamp int64 1
    topicId uuid 4+ tag 0
GroupMetadataKey 2 versions 0
    group string
GroupMetadataValue 2 versions 0-4 flexible 4+
    protocolType string
    generation int32
    protocol string?
    leader string?
    currentStateTimestamp int64 2+
    members []
        memberId string
        groupInstanceId string? 3+
        clientId string
        clientHost string
        rebalanceTimeout int32 1+
        sessionTimeout int32
        subscription bytes
        assignment bytes
ConsumerGroupMetadataKey 3 versions 0
    groupId string
ConsumerGroupMetadataValue 3 versions 0 flexible 0+
    epoch int32
    metadataHash int64 tag 0
ConsumerGroupPartitionMetadataKey 4 versions 0
    groupId string
ConsumerGroupPartitionMetadataValue 4 versions 0 flexible 0+
    topics []
        topicId uuid
        topicName string
        numPartitions int32
        partitionMetadata []
            partition int32
            racks []string
ConsumerGroupMemberMetadataKey 5 versions 0
    groupId string
    memberId string
ConsumerGroupMemberMetadataValue 5 versions 0 flexible 0+
    instanceId string?
    rackId string?
    clientId string
    clientHost string
    subscribedTopicNames []string
    subscribedTopicRegex string?
    rebalanceTimeoutMs int32
    serverAssignor string?
    classicMemberMetadata {}? tag 0 = {"sessionTimeoutMs": 0, "supportedProtocols": []}
        sessionTimeoutMs int32
        supportedProtocols []
            name string
            metadata bytes
ConsumerGroupTargetAssignmentMetadataKey 6 versions 0
    groupId string
ConsumerGroupTargetAssignmentMetadataValue 6 versions 0 flexible 0+
    assignmentEpoch int32
    assignmentTimestamp int64 tag 0
ConsumerGroupTargetAssignmentMemberKey 7 versions 0
    groupId string
    memberId string
ConsumerGroupTargetAssignmentMemberValue 7 versions 0 flexible 0+
    topicPartitions []
        topicId uuid
        partitions []int32
ConsumerGroupCurrentMemberAssignmentKey 8 versions 0
    groupId string
    memberId string
ConsumerGroupCurrentMemberAssignmentValue 8 versions 0 flexible 0+
    memberEpoch int32
    previousMemberEpoch int32
    state int8
    assignedPartitions []
        topicId uuid
        partitions []int32
        assignmentEpochs []?int32 tag 0 = []
    partitionsPendingRevocation []
        topicId uuid
        partitions []int32
        assignmentEpochs []?int32 tag 0 = []
ConsumerGroupRegularExpressionKey 16 versions 0
    groupId string
    regularExpression string
ConsumerGroupRegularExpressionValue 16 versions 0 flexible 0+
    topics []string
    version int64
    timestamp int64
ConsumerProtocolAssignment versions 0-3
    assignedPartitions []
        topic string
        partitions []int32
    userData bytes?
ConsumerProtocolSubscription versions 0-3
    topics []string
    userData bytes?
    ownedPartitions [] 1+
        topic string
        partitions []int32
    generationId int32 2+
    rackId string? 3+
""")
