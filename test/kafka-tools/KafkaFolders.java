// Fills partitions of a broker with everything that a log can hold, for comparing how two brokers
// read the same folders, and reads them as a consumer of committed records does.
//
//   java -cp "LIB/*" KafkaFolders.java write BROKER   every kind of batch, transactions left open too
//   java -cp "LIB/*" KafkaFolders.java plain BROKER   the same without transactions
//   java -cp "LIB/*" KafkaFolders.java read BROKER TOPIC...   one line a record: topic, offset, value
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;

public class KafkaFolders {
    static final long BEGIN = System.currentTimeMillis() - 3_600_000;
    static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};
    static String broker;
    static int padding = 60;

    public static void main(String[] args) throws Exception {
        broker = args[1];
        switch (args[0]) {
            case "write" -> write(true);
            case "plain" -> {
                padding = 4000; // Millrace keeps no index files of the smallest logs.
                write(false);
            }
            case "read" -> read(args);
            default -> throw new IllegalArgumentException(args[0]);
        }
        System.out.flush();
        Runtime.getRuntime().halt(0); // an open transaction stays open
    }

    static void write(boolean everything) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker))) {
            // Each batch of `segments` is so much later than the last that it begins a segment.
            admin.createTopics(List.of(
                topic("mixed", Map.of("segment.ms", "3600000", "index.interval.bytes", "200")),
                topic("segments", Map.of("segment.ms", "1000")),
                topic("trimmed", Map.of("segment.ms", "1000")),
                topic("compacted", Map.of("cleanup.policy", "compact", "segment.ms", "1000",
                    "min.cleanable.dirty.ratio", "0.01", "delete.retention.ms", "3600000")))).all().get();
            mixed(everything);
            steps("segments", 6);
            steps("trimmed", 6);
            admin.deleteRecords(Map.of(new TopicPartition("trimmed", 0), RecordsToDelete.beforeOffset(7))).all().get();
            if (everything) compacted(admin);
            offsets(admin);
        }
    }

    static NewTopic topic(String name, Map<String, String> configs) {
        return new NewTopic(name, 1, (short) 1).configs(configs);
    }

    static Producer<String, String> producer(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", broker, "acks", "all", "linger.ms", 1000));
        all.putAll(settings);
        return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
    }

    static Producer<String, String> transactional(String id) {
        Producer<String, String> producer = producer(Map.of("transactional.id", id, "transaction.timeout.ms", 900_000));
        producer.initTransactions();
        return producer;
    }

    /** One batch of three records. */
    static void send(Producer<String, String> producer, String topic, String text, long timestamp) {
        for (int i = 0; i < 3; i++) {
            ProducerRecord<String, String> record =
                new ProducerRecord<>(topic, 0, timestamp + i, i == 1 ? null : "key" + i, text + " " + i + " " + "x".repeat(padding));
            record.headers().add("n", new byte[] {(byte) i});
            producer.send(record);
        }
        producer.flush();
    }

    static void mixed(boolean everything) {
        long time = BEGIN;
        for (String codec : CODECS) {
            try (var producer = producer(Map.of("compression.type", codec))) {
                send(producer, "mixed", codec, time += 1000);
            }
            try (var producer = producer(Map.of("compression.type", codec, "enable.idempotence", false))) {
                send(producer, "mixed", codec + " twice", time += 1000);
            }
        }
        if (!everything) return;
        var first = transactional("first");
        var second = transactional("second");
        var open = transactional("open");
        first.beginTransaction();
        second.beginTransaction();
        send(first, "mixed", "committed a", time += 1000);
        send(second, "mixed", "aborted a", time += 1000);
        send(first, "mixed", "committed b", time += 1000);
        first.commitTransaction();
        send(second, "mixed", "aborted b", time += 1000);
        second.abortTransaction();
        second.beginTransaction();
        send(second, "mixed", "aborted c", time += 1000);
        // Older than what came before it: the time index must not be misled.
        first.beginTransaction();
        send(first, "mixed", "aborted late", BEGIN - 1000);
        first.abortTransaction();
        second.abortTransaction();
        first.beginTransaction();
        send(first, "mixed", "committed c", time += 1000);
        first.commitTransaction();
        open.beginTransaction();
        send(open, "mixed", "open", time += 1000);
        second.beginTransaction();
        send(second, "mixed", "aborted behind open", time += 1000);
        second.abortTransaction();
        try (var producer = producer(Map.of())) {
            send(producer, "mixed", "behind open", time += 1000);
        }
    }

    static void steps(String topic, int count) {
        try (var producer = producer(Map.of("compression.type", "lz4"))) {
            for (int i = 0; i < count; i++) send(producer, topic, "step " + i, BEGIN + 10_000L * i);
        }
    }

    /** Waits until the cleaner has made holes. */
    static void compacted(Admin admin) throws Exception {
        var backoff = new AlterConfigOp(new ConfigEntry("log.cleaner.backoff.ms", "100"), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.BROKER, ""), List.of(backoff))).all().get();
        String[] keys = {"a", "b", "a", "c", "b", "a", "d", "a"};
        try (var producer = producer(Map.of())) {
            for (int i = 0; i < keys.length; i++) {
                producer.send(new ProducerRecord<>("compacted", 0, BEGIN + 10_000L * i, keys[i], i == 3 ? null : "value " + i));
                producer.flush();
            }
        }
        long deadline = System.nanoTime() + 60_000_000_000L;
        while (consume(List.of("compacted"), "read_uncommitted").size() > 5) {
            if (System.nanoTime() > deadline) throw new IllegalStateException("the cleaner never came");
        }
    }

    static void offsets(Admin admin) throws Exception {
        var committed = new OffsetAndMetadata(4, "note");
        admin.alterConsumerGroupOffsets("set", Map.of(new TopicPartition("segments", 0), committed)).all().get();
        try (var consumer = consumer(Map.of("group.id", "readers", "auto.offset.reset", "earliest", "max.poll.records", 5))) {
            consumer.subscribe(List.of("mixed", "segments"));
            long deadline = System.nanoTime() + 30_000_000_000L;
            while (consumer.poll(Duration.ofMillis(200)).isEmpty() && System.nanoTime() < deadline) continue;
            consumer.commitSync();
        }
    }

    static Consumer<String, String> consumer(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", broker, "enable.auto.commit", false));
        all.putAll(settings);
        return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
    }

    static void read(String[] args) {
        List<String> topics = List.of(args).subList(2, args.length);
        for (var record : consume(topics, "read_committed")) {
            System.out.println(record.topic() + "\t" + record.offset() + "\t" + record.value());
        }
    }

    static List<ConsumerRecord<String, String>> consume(List<String> topics, String isolation) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        for (String topic : topics) {
            try (var consumer = consumer(Map.of("isolation.level", isolation))) {
                TopicPartition partition = new TopicPartition(topic, 0);
                consumer.assign(Set.of(partition));
                consumer.seekToBeginning(Set.of(partition));
                long end = consumer.endOffsets(Set.of(partition)).get(partition);
                while (consumer.position(partition) < end) {
                    for (var record : consumer.poll(Duration.ofMillis(200))) records.add(record);
                }
            }
        }
        return records;
    }
}
