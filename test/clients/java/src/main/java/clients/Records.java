// Producing, and reading by assignment: no group takes part.
package clients;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

final class Records {
    private final String bootstrap;

    Records(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    void addTo(Map<String, Driver.Verb> verbs) {
        verbs.put("produce", this::produce);
        verbs.put("read", this::read);
        verbs.put("offsetsForTime", this::offsetsForTime);
    }

    private JsonElement produce(JsonObject arguments) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("client.id", Json.text(arguments, "clientId", "java"));
        settings.put("compression.type", Json.text(arguments, "compression", "none"));
        settings.put("linger.ms", "20");
        Security.addTo(settings);
        settings.put("reconnect.backoff.max.ms", "200");
        if (arguments.has("idempotent")) {
            settings.put("enable.idempotence", arguments.get("idempotent").getAsString());
        }
        String topic = arguments.get("topic").getAsString();
        JsonArray positions = new JsonArray();
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (JsonElement element : arguments.getAsJsonArray("records")) {
                sent.add(producer.send(record(topic, element.getAsJsonObject())));
            }
            for (Future<RecordMetadata> future : sent) {
                RecordMetadata metadata = future.get();
                positions.add(Json.position(metadata.partition(), metadata.offset()));
            }
        }
        JsonObject result = new JsonObject();
        result.add("positions", positions);
        return result;
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, JsonObject json) {
        Long timestamp = json.has("timestamp") ? json.get("timestamp").getAsLong() : null;
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
            topic,
            json.get("partition").getAsInt(),
            timestamp,
            Json.bytes(json.get("key")),
            Json.bytes(json.get("value")));
        for (JsonElement header : json.getAsJsonArray("headers")) {
            JsonArray pair = header.getAsJsonArray();
            record.headers().add(pair.get(0).getAsString(), Json.bytes(pair.get(1)));
        }
        return record;
    }

    private JsonElement read(JsonObject arguments) {
        List<TopicPartition> partitions = Json.partitions(arguments);
        int count = arguments.get("count").getAsInt();
        long deadline = System.currentTimeMillis() + arguments.get("timeoutMs").getAsLong();
        JsonArray records = new JsonArray();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            consumer.assign(partitions);
            if (arguments.has("timestamp")) seekToTime(consumer, partitions, arguments.get("timestamp").getAsLong());
            else consumer.seekToBeginning(partitions);
            while (records.size() < count && System.currentTimeMillis() < deadline) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    records.add(Json.record(record));
                }
            }
        }
        JsonObject result = new JsonObject();
        result.add("records", records);
        return result;
    }

    private static void seekToTime(
            KafkaConsumer<byte[], byte[]> consumer, List<TopicPartition> partitions, long timestamp) {
        lookUp(consumer, partitions, timestamp).forEach((partition, found) -> {
            if (found == null) consumer.seekToEnd(List.of(partition));
            else consumer.seek(partition, found.offset());
        });
    }

    private static Map<TopicPartition, OffsetAndTimestamp> lookUp(
            KafkaConsumer<byte[], byte[]> consumer, List<TopicPartition> partitions, long timestamp) {
        Map<TopicPartition, Long> asked = new HashMap<>();
        for (TopicPartition partition : partitions) asked.put(partition, timestamp);
        return consumer.offsetsForTimes(asked);
    }

    private JsonElement offsetsForTime(JsonObject arguments) {
        List<TopicPartition> partitions = Json.partitions(arguments);
        JsonArray positions = new JsonArray();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            lookUp(consumer, partitions, arguments.get("timestamp").getAsLong()).forEach((partition, found) ->
                positions.add(Json.position(partition.partition(), found == null ? -1 : found.offset())));
        }
        JsonObject result = new JsonObject();
        result.add("positions", positions);
        return result;
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        Security.addTo(settings);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }
}
