// Reading as a member of a group, and writing what was read together with its offsets.
package clients;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

final class Transactions {
    private final String bootstrap;

    Transactions(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    void addTo(Map<String, Driver.Verb> verbs) {
        verbs.put("transact", this::transact);
    }

    private JsonElement transact(JsonObject arguments) {
        int count = arguments.get("count").getAsInt();
        long deadline = System.currentTimeMillis() + arguments.get("timeoutMs").getAsLong();
        String into = arguments.get("into").getAsString();
        JsonArray seen = new JsonArray();
        try (KafkaProducer<byte[], byte[]> producer = producer(arguments);
                KafkaConsumer<byte[], byte[]> consumer = consumer(arguments)) {
            producer.initTransactions();
            consumer.subscribe(List.of(arguments.get("topic").getAsString()));
            producer.beginTransaction();
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            while (seen.size() < count && System.currentTimeMillis() < deadline) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    seen.add(Json.position(record.partition(), record.offset()));
                    producer.send(new ProducerRecord<>(into, record.partition(), record.key(), record.value()));
                    offsets.put(
                        new TopicPartition(record.topic(), record.partition()),
                        new OffsetAndMetadata(record.offset() + 1));
                }
            }
            producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            if (arguments.get("ends").getAsString().equals("commit")) {
                producer.commitTransaction();
            } else {
                producer.flush(); // what was not sent yet would never be aborted
                producer.abortTransaction();
            }
        }
        JsonObject result = new JsonObject();
        result.add("seen", seen);
        return result;
    }

    private KafkaProducer<byte[], byte[]> producer(JsonObject arguments) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("transactional.id", arguments.get("transactionalId").getAsString());
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaConsumer<byte[], byte[]> consumer(JsonObject arguments) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("group.id", arguments.get("group").getAsString());
        settings.put("isolation.level", "read_committed");
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }
}
