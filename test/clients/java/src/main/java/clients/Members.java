// Members of consumer groups. A KafkaConsumer belongs to one thread, so each member has its own and
// takes its commands through a queue.
package clients;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

final class Members {
    private final String bootstrap;
    private final Map<String, Member> members = new HashMap<>();

    Members(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    void addTo(Map<String, Driver.Verb> verbs) {
        verbs.put("join", arguments -> {
            members.put(name(arguments), new Member(bootstrap, arguments, "classic"));
            return new JsonObject();
        });
        verbs.put("joinConsumerGroup", arguments -> {
            members.put(name(arguments), new Member(bootstrap, arguments, "consumer"));
            return new JsonObject();
        });
        verbs.put("member", arguments -> members.get(name(arguments)).report());
        verbs.put("commit", arguments -> members.get(name(arguments)).commit());
        verbs.put("leave", arguments -> members.remove(name(arguments)).leave());
    }

    private static String name(JsonObject arguments) {
        return arguments.get("member").getAsString();
    }

    private static final class Member implements Runnable, ConsumerRebalanceListener {
        private final KafkaConsumer<byte[], byte[]> consumer;
        private final ConcurrentLinkedQueue<Runnable> commands = new ConcurrentLinkedQueue<>();
        private final CompletableFuture<Void> ended = new CompletableFuture<>();
        private final JsonArray seen = new JsonArray();
        private int assignments = 0;
        private boolean isLeaving = false;

        Member(String bootstrap, JsonObject arguments, String protocol) throws Exception {
            Properties settings = new Properties();
            settings.put("bootstrap.servers", bootstrap);
            settings.put("client.id", name(arguments));
            settings.put("group.id", arguments.get("group").getAsString());
            settings.put("enable.auto.commit", "false");
            settings.put("auto.offset.reset", "earliest");
            settings.put("group.protocol", protocol);
            if (protocol.equals("classic")) settings.put("heartbeat.interval.ms", "300");
            settings.put("reconnect.backoff.max.ms", "200");
            if (arguments.has("instanceId")) settings.put("group.instance.id", arguments.get("instanceId").getAsString());
            consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            if (arguments.has("pattern")) subscribeTo(arguments.get("pattern").getAsString());
            else consumer.subscribe(List.of(arguments.get("topic").getAsString()), this);
            new Thread(this).start();
        }

        /** By reflection: clients before 4.0 have no such class. */
        private void subscribeTo(String pattern) throws Exception {
            Class<?> type = Class.forName("org.apache.kafka.clients.consumer.SubscriptionPattern");
            KafkaConsumer.class.getMethod("subscribe", type, ConsumerRebalanceListener.class)
                .invoke(consumer, type.getConstructor(String.class).newInstance(pattern), this);
        }

        @Override
        public void run() {
            try (consumer) {
                while (!isLeaving) {
                    for (Runnable command = commands.poll(); command != null; command = commands.poll()) command.run();
                    if (isLeaving) break;
                    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(50))) {
                        seen.add(Json.position(record.partition(), record.offset()));
                    }
                }
            } catch (RuntimeException error) {
                ended.completeExceptionally(error);
            }
            ended.complete(null);
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            assignments++;
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            if (!partitions.isEmpty()) consumer.commitSync();
        }

        JsonElement report() throws Exception {
            return inThread(this::status);
        }

        JsonElement commit() throws Exception {
            return inThread(() -> {
                consumer.commitSync();
                return status();
            });
        }

        JsonElement leave() throws Exception {
            JsonElement last = inThread(() -> {
                isLeaving = true;
                return status();
            });
            ended.get();
            return last;
        }

        private JsonObject status() {
            JsonArray assigned = new JsonArray();
            for (TopicPartition partition : consumer.assignment()) assigned.add(partition.partition());
            JsonObject status = new JsonObject();
            status.add("assigned", assigned);
            status.addProperty("assignments", assignments);
            status.add("seen", seen.deepCopy());
            return status;
        }

        private <T> T inThread(java.util.concurrent.Callable<T> command) throws Exception {
            CompletableFuture<T> answer = new CompletableFuture<>();
            if (ended.isDone()) ended.get();
            commands.add(() -> {
                try {
                    answer.complete(command.call());
                } catch (Exception error) {
                    answer.completeExceptionally(error);
                }
            });
            CompletableFuture.anyOf(answer, ended).get();
            return answer.get();
        }
    }
}
