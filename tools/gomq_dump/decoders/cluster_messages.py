"""Records of ``__cluster_metadata`` (KIP-631). Kafka: ``org.apache.kafka.common.metadata``."""

from typing import Final

from gomq_dump.decoders.schema import read_messages

CLUSTER_MESSAGES: Final = read_messages("""\
RegisterBrokerRecord 0 versions 0-4 flexible 0+
    brokerId int32
    isMigratingZkBroker bool 2+
    incarnationId uuid
    brokerEpoch int64
    endPoints []
        name string
        host string
        port uint16
        securityProtocol int16
    features []
        name string
        minSupportedVersion int16
        maxSupportedVersion int16
    rack string?
    fenced bool
    inControlledShutdown bool 1+
    logDirs []uuid 3+ tag 0
    cordonedLogDirs []?uuid 4+ tag 1
UnregisterBrokerRecord 1 versions 0 flexible 0+
    brokerId int32
    brokerEpoch int64
TopicRecord 2 versions 0 flexible 0+
    name string
    topicId uuid
PartitionRecord 3 versions 0-2 flexible 0+
    partitionId int32
    topicId uuid
    replicas []int32
    isr []int32
    removingReplicas []int32
    addingReplicas []int32
    leader int32
    leaderRecoveryState int8 tag 0
    leaderEpoch int32
    partitionEpoch int32
    directories []uuid 1+
    eligibleLeaderReplicas []?int32 2+ tag 1
    lastKnownElr []?int32 2+ tag 2
ConfigRecord 4 versions 0 flexible 0+
    resourceType int8
    resourceName string
    name string
    value string?
PartitionChangeRecord 5 versions 0-2 flexible 0+
    partitionId int32
    topicId uuid
    isr []?int32 tag 0
    leader int32 tag 1 = -2
    replicas []?int32 tag 2
    removingReplicas []?int32 tag 3
    addingReplicas []?int32 tag 4
    leaderRecoveryState int8 tag 5 = -1
    directories []?uuid 1+ tag 8
    eligibleLeaderReplicas []?int32 2+ tag 6
    lastKnownElr []?int32 2+ tag 7
FenceBrokerRecord 7 versions 0 flexible 0+
    id int32
    epoch int64
UnfenceBrokerRecord 8 versions 0 flexible 0+
    id int32
    epoch int64
RemoveTopicRecord 9 versions 0 flexible 0+
    topicId uuid
DelegationTokenRecord 10 versions 0 flexible 0+
    owner string
    requester string
    renewers []string
    issueTimestamp int64
    maxTimestamp int64
    expirationTimestamp int64
    tokenId string
UserScramCredentialRecord 11 versions 0 flexible 0+
    name string
    mechanism int8
    salt bytes
    storedKey bytes
    serverKey bytes
    iterations int32
FeatureLevelRecord 12 versions 0 flexible 0+
    name string
    featureLevel int16
ClientQuotaRecord 14 versions 0 flexible 0+
    entity []
        entityType string
        entityName string?
    key string
    value float64
    remove bool
ProducerIdsRecord 15 versions 0 flexible 0+
    brokerId int32
    brokerEpoch int64
    nextProducerId int64
BrokerRegistrationChangeRecord 17 versions 0-3 flexible 0+
    brokerId int32
    brokerEpoch int64
    fenced int8 tag 0
    inControlledShutdown int8 1+ tag 1
    logDirs []uuid 2+ tag 2
    cordonedLogDirs []?uuid 3+ tag 3
AccessControlEntryRecord 18 versions 0 flexible 0+
    id uuid
    resourceType int8
    resourceName string
    patternType int8
    principal string
    host string
    operation int8
    permissionType int8
RemoveAccessControlEntryRecord 19 versions 0 flexible 0+
    id uuid
NoOpRecord 20 versions 0 flexible 0+
ZkMigrationStateRecord 21 versions 0 flexible 0+
    zkMigrationState int8
RemoveUserScramCredentialRecord 22 versions 0 flexible 0+
    name string
    mechanism int8
BeginTransactionRecord 23 versions 0 flexible 0+
    name string? tag 0
EndTransactionRecord 24 versions 0 flexible 0+
AbortTransactionRecord 25 versions 0 flexible 0+
    reason string? tag 0
RemoveDelegationTokenRecord 26 versions 0 flexible 0+
    tokenId string
RegisterControllerRecord 27 versions 0 flexible 0+
    controllerId int32
    incarnationId uuid
    zkMigrationReady bool
    endPoints []
        name string
        host string
        port uint16
        securityProtocol int16
    features []
        name string
        minSupportedVersion int16
        maxSupportedVersion int16
ClearElrRecord 28 versions 0 flexible 0+
    topicName string
""")
