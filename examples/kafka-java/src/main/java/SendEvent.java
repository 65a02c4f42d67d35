import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

public class SendEvent {
    public static void main(String[] args) {
        Properties config = new Properties();
        config.put("bootstrap.servers", System.getenv().getOrDefault("BOOTSTRAP_SERVERS", "127.0.0.1:9092"));
        config.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        config.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");

        KafkaProducer<String, String> producer = new KafkaProducer<>(config);
        producer.send(new ProducerRecord<>("events", "user_login", "user123"));
        producer.close();
    }
}
