// Shares partitions out with Kafka's own assignors, one question after the other.
//
// A question on stdin: the assignor's class, topics with commas between, the number of members. A topic is name=racks
// with slashes between, one for each partition: those of its replicas, with plus signs between. Then of each member, on a line of its own and with spaces between: its id, its instance id or -, its subscription in hex.
// The answer on stdout: a line of each member, its id and its assignment in hex.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Assignment;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.internals.AbstractPartitionAssignor;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

public final class KafkaAssignors {
    private static final HexFormat HEX = HexFormat.of();

    public static void main(String[] arguments) throws Exception {
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String name;
        while ((name = questions.readLine()) != null) {
            Map<String, List<PartitionInfo>> topics = new HashMap<>();
            for (String topic : questions.readLine().split(",")) {
                String[] parts = topic.split("=", 2);
                topics.put(parts[0], partitions(parts[0], parts[1].split("/", -1)));
            }
            Map<String, Subscription> members = new HashMap<>();
            for (int left = Integer.parseInt(questions.readLine()); left > 0; left--) {
                String[] member = questions.readLine().split(" ");
                ByteBuffer raw = ByteBuffer.wrap(HEX.parseHex(member[2]));
                Subscription subscription = ConsumerProtocol.deserializeSubscription(raw);
                if (!member[1].equals("-")) {
                    subscription.setGroupInstanceId(Optional.of(member[1]));
                }
                members.put(member[0], subscription);
            }
            Class<?> kind = Class.forName("org.apache.kafka.clients.consumer." + name);
            AbstractPartitionAssignor assignor = (AbstractPartitionAssignor) kind.getConstructor().newInstance();
            Map<String, List<TopicPartition>> shares = new TreeMap<>(assignor.assignPartitions(topics, members));
            shares.forEach((id, partitions) -> {
                ByteBuffer raw = ConsumerProtocol.serializeAssignment(new Assignment(partitions));
                byte[] bytes = new byte[raw.remaining()];
                raw.get(bytes);
                System.out.println(id + " " + HEX.formatHex(bytes));
            });
            System.out.flush();
        }
    }

    private static List<PartitionInfo> partitions(String topic, String[] racks) {
        List<PartitionInfo> partitions = new ArrayList<>();
        for (String of : racks) {
            String[] each = of.isEmpty() ? new String[0] : of.split("\\+");
            Node[] replicas = new Node[each.length];
            for (int place = 0; place < each.length; place++) {
                replicas[place] = new Node(place, "localhost", 9092, each[place]);
            }
            partitions.add(new PartitionInfo(topic, partitions.size(), null, replicas, replicas));
        }
        return partitions;
    }
}
