// What Kafka 2.1's Java client does with a broker: ADDRESS TOPIC COUNT. It makes the topic, sends as many messages with
// each codec, takes half of them in a group and the rest as its next member, and deletes the group.

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public final class OldestClient {
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    private static String address;
    private static String topic;

    public static void main(String[] arguments) throws ExecutionException, InterruptedException {
        address = arguments[0];
        topic = arguments[1];
        int count = Integer.parseInt(arguments[2]);
        try (AdminClient admin = AdminClient.create(Map.of("bootstrap.servers", address))) {
            NewTopic wanted = new NewTopic(topic, 1, (short) 1).configs(Map.of("segment.bytes", "1048576"));
            admin.createTopics(List.of(wanted)).all().get();
            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
            System.out.println("segment.bytes " + admin.describeConfigs(List.of(resource)).all().get().get(resource)
                .get(TopicConfig.SEGMENT_BYTES_CONFIG).value());
            for (String codec : CODECS) {
                produce(codec, count);
            }
            int half = CODECS.size() * count / 2;
            consume(half);
            consume(CODECS.size() * count - half);
            System.out.println("state " + admin.describeConsumerGroups(List.of(topic)).all().get().get(topic).state());
            admin.deleteConsumerGroups(List.of(topic)).all().get();
            System.out.println("is left " + admin.listConsumerGroups().all().get().stream()
                .anyMatch(group -> group.groupId().equals(topic)));
        }
    }

    private static void produce(String codec, int count) {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", address, "enable.idempotence", true, "compression.type", codec);
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (int number = 0; number < count; number++) {
                producer.send(new ProducerRecord<>(topic, codec, "message " + number));
            }
        }
    }

    // Takes so many messages, commits them and leaves the group.
    private static void consume(int count) {
        Map<String, Object> settings = Map.of("bootstrap.servers", address, "group.id", topic,
            "auto.offset.reset", "earliest", "enable.auto.commit", false, "max.poll.records", 50);
        Map<String, Integer> found = new TreeMap<>();
        long next = -1;
        int left = count;
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (left > 0) {
                for (ConsumerRecord<String, String> each : consumer.poll(Duration.ofMillis(200))) {
                    if (next == -1) {
                        System.out.println("from " + each.offset());
                    } else if (each.offset() != next) {
                        throw new IllegalStateException(each.offset() + " follows " + (next - 1));
                    }
                    next = each.offset() + 1;
                    found.merge(each.key(), 1, Integer::sum);
                    left--;
                }
            }
            consumer.commitSync();
        }
        System.out.println("found " + found);
    }
}
