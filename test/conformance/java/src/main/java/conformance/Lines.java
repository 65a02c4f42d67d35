// The outside of a Streams application: writes what comes on standard input to the topic `lines`, one
// record for a line, and prints every committed record of the topic `counts` as WORD, a space, COUNT.
// An empty line waits for all acknowledgements and prints `sent N`. Ends with its input.
//
//   Lines BOOTSTRAP
package conformance;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Lines {
    public static void main(String[] args) throws Exception {
        Thread reader = new Thread(() -> printCounts(args[0]));
        reader.setDaemon(true);
        reader.start();
        Map<String, Object> config = Map.of(
            "bootstrap.servers", args[0], "linger.ms", 5, "delivery.timeout.ms", 600_000);
        AtomicInteger sent = new AtomicInteger();
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                if (line.isEmpty()) {
                    producer.flush();
                    print("sent " + sent);
                    continue;
                }
                producer.send(new ProducerRecord<>("lines", null, line), (metadata, failure) -> {
                    if (failure == null) sent.incrementAndGet();
                    else print("lost " + failure);
                });
            }
        }
    }

    private static void printCounts(String bootstrap) {
        Map<String, Object> config = Map.of(
            "bootstrap.servers", bootstrap, "auto.offset.reset", "earliest",
            "isolation.level", "read_committed", "enable.auto.commit", false);
        try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new LongDeserializer())) {
            List<PartitionInfo> partitions = consumer.partitionsFor("counts", Duration.ofMinutes(1));
            consumer.assign(partitions.stream().map(p -> new TopicPartition(p.topic(), p.partition())).toList());
            while (true) {
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    print("count " + record.key() + " " + record.value());
                }
            }
        } catch (Exception failure) {
            print("lost " + failure);
        }
    }

    private static synchronized void print(String line) {
        System.out.println(line);
    }
}
