"""Records of ``__consumer_offsets`` of streams groups (KIP-1071).

Kafka: ``org.apache.kafka.coordinator.group.generated``.
"""

from typing import Final

from gomq_dump.decoders.schema import read_messages

STREAMS_GROUP_MESSAGES: Final = read_messages("""\
StreamsGroupMetadataKey 17 versions 0
    groupId string
StreamsGroupMetadataValue 17 versions 0 flexible 0+
    epoch int32
    metadataHash int64
    validatedTopologyEpoch int32 tag 0 = -1
    lastAssignmentConfigs []? tag 1 = []
        key string
        value string
StreamsGroupMemberMetadataKey 19 versions 0
    groupId string
    memberId string
StreamsGroupMemberMetadataValue 19 versions 0 flexible 0+
    instanceId string?
    rackId string?
    clientId string
    clientHost string
    rebalanceTimeoutMs int32
    topologyEpoch int32
    processId string
    userEndpoint {}?
        host string
        port uint16
    clientTags []
        key string
        value string
StreamsGroupTargetAssignmentMetadataKey 20 versions 0
    groupId string
StreamsGroupTargetAssignmentMetadataValue 20 versions 0 flexible 0+
    assignmentEpoch int32
    assignmentTimestamp int64 tag 0
StreamsGroupTargetAssignmentMemberKey 21 versions 0
    groupId string
    memberId string
StreamsGroupTargetAssignmentMemberValue 21 versions 0 flexible 0+
    activeTasks []
        subtopologyId string
        partitions []int32
    standbyTasks []
        subtopologyId string
        partitions []int32
    warmupTasks []
        subtopologyId string
        partitions []int32
StreamsGroupCurrentMemberAssignmentKey 22 versions 0
    groupId string
    memberId string
StreamsGroupCurrentMemberAssignmentValue 22 versions 0 flexible 0+
    memberEpoch int32
    previousMemberEpoch int32
    state int8
    activeTasks []
        subtopologyId string
        partitions []int32
        assignmentEpochs []?int32 tag 0 = []
    standbyTasks []
        subtopologyId string
        partitions []int32
        assignmentEpochs []?int32 tag 0 = []
    warmupTasks []
        subtopologyId string
        partitions []int32
        assignmentEpochs []?int32 tag 0 = []
    activeTasksPendingRevocation []
        subtopologyId string
        partitions []int32
        assignmentEpochs []?int32 tag 0 = []
    standbyTasksPendingRevocation []
        subtopologyId string
        partitions []int32
        assignmentEpochs []?int32 tag 0 = []
    warmupTasksPendingRevocation []
        subtopologyId string
        partitions []int32
        assignmentEpochs []?int32 tag 0 = []
StreamsGroupTopologyKey 23 versions 0
    groupId string
StreamsGroupTopologyValue 23 versions 0 flexible 0+
    epoch int32
    subtopologies []
        subtopologyId string
        sourceTopics []string
        sourceTopicRegex []string
        stateChangelogTopics []
            name string
            partitions int32
            replicationFactor int16
            topicConfigs []
                key string
                value string
        repartitionSinkTopics []string
        repartitionSourceTopics []
            name string
            partitions int32
            replicationFactor int16
            topicConfigs []
                key string
                value string
        copartitionGroups []
            sourceTopics []int16
            sourceTopicRegex []int16
            repartitionSourceTopics []int16
""")
