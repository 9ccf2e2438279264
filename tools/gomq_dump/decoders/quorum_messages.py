"""What KRaft's quorum writes into control batches (KIP-595, KIP-630, KIP-853). Kafka: ``ControlRecordUtils``."""

from typing import Final

from gomq_dump.decoders.schema import read_messages

QUORUM_MESSAGES: Final = read_messages("""\
KRaftVersionRecord versions 0 flexible 0+
    version int16
    kRaftVersion int16
LeaderChangeMessage versions 0-1 flexible 0+
    version int16
    leaderId int32
    voters []
        voterId int32
        voterDirectoryId uuid 1+
    grantingVoters []
        voterId int32
        voterDirectoryId uuid 1+
SnapshotFooterRecord versions 0 flexible 0+
    version int16
SnapshotHeaderRecord versions 0 flexible 0+
    version int16
    lastContainedLogTimestamp int64
VotersRecord versions 0 flexible 0+
    version int16
    voters []
        voterId int32
        voterDirectoryId uuid
        endpoints []
            name string
            host string
            port uint16
        kRaftVersionFeature {}
            minSupportedVersion int16
            maxSupportedVersion int16
""")
