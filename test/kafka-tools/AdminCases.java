// Asks a broker, through Kafka's Admin client, what an administrator could ask, right and wrong, and
// prints for each case `$ NAME` and what came of it: a value, or the class of the error.
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.ConfigResource.Type;
import org.apache.kafka.common.serialization.StringSerializer;

public class AdminCases {
    static Admin admin;

    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("default.api.timeout.ms", "2000");
        properties.put("request.timeout.ms", "2000");
        properties.put("retry.backoff.ms", "50");
        admin = Admin.create(properties);
        // The first call of a JVM takes long on a busy machine, and is no case.
        admin.describeCluster(new DescribeClusterOptions().timeoutMs(60_000)).nodes().get();
        cluster();
        createTopics();
        describeTopics();
        describeConfigs();
        alterTopicConfigs();
        alterBrokerConfigs();
        alterOtherConfigs();
        createPartitions();
        records(args[0]);
        leadersAndReplicas();
        deleteTopics();
        Runtime.getRuntime().halt(0);
    }

    static void cluster() {
        say("cluster", () -> {
            var cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
            return cluster.nodes().get().stream().map(n -> n.id() + " rack " + n.rack() + " fenced " + n.isFenced()).toList()
                + " controller " + cluster.controller().get().id() + " " + sorted(cluster.authorizedOperations().get());
        });
        say("update unknown feature", () -> {
            var update = new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.UPGRADE);
            admin.updateFeatures(Map.of("no.such", update), new UpdateFeaturesOptions()).all().get();
            return "ok";
        });
    }

    static void createTopics() {
        say("create with defaults", () -> create(topic("a-default", -1, -1)));
        say("create again", () -> create(topic("a-default", -1, -1)));
        say("create, only validated", () -> {
            var options = new CreateTopicsOptions().validateOnly(true);
            var result = admin.createTopics(List.of(topic("a-validated", 3, 1)), options);
            result.all().get();
            return result.numPartitions("a-validated").get();
        });
        for (int partitions : new int[] {0, -2, 10001}) {
            say("create with " + partitions + " partitions", () -> create(topic("a-bad", partitions, 1)));
        }
        for (int factor : new int[] {0, 2, -2}) {
            say("create with replication factor " + factor, () -> create(topic("a-bad", 1, factor)));
        }
        String[][] wrong = {
            {"retention.ms", "abc"}, {"retention.ms", "9223372036854775808"}, {"retention.ms", null},
            {"no.such.key", "abc"}, {"cleanup.policy", "foo"}, {"segment.bytes", "100"},
            {"min.cleanable.dirty.ratio", "1.5"}, {"preallocate", "yes"}, {"remote.storage.enable", "true"},
            {"leader.replication.throttled.replicas", "x"},
            {"min.compaction.lag.ms", "100", "max.compaction.lag.ms", "50"},
        };
        for (String[] configs : wrong) {
            say("create with " + Arrays.asList(configs), () -> create(topic("a-bad", 1, 1, configs)));
        }
        say("create with configs", () -> create(topic("a-conf", 1, 1, "retention.ms", "1000", "cleanup.policy", "compact,delete",
            "min.cleanable.dirty.ratio", "0.5", "retention.bytes", "9223372036854775807")));
        for (String name : new String[] {".", "..", "a/b", "x".repeat(250), "__cluster_metadata"}) {
            say("create " + (name.length() > 100 ? name.length() + " characters" : name), () -> create(topic(name, 1, 1)));
        }
        say("create 249 characters", () -> create(topic("x".repeat(249), 1, 1)));
        say("create col.x", () -> create(topic("col.x", 1, 1)));
        say("create col_x", () -> create(topic("col_x", 1, 1)));
        say("create assigned", () -> create(new NewTopic("a-assigned", Map.of(0, List.of(1), 1, List.of(1)))));
        List<Map<Integer, List<Integer>>> assignments = List.of(
            Map.of(0, List.of(2)), Map.of(0, List.of(1), 2, List.of(1)), Map.of(0, List.of(1, 1)),
            Map.of(0, List.of()), Map.of(0, List.of(1, 2)));
        for (var assignment : assignments) {
            say("create assigned " + new TreeMap<>(assignment), () -> create(new NewTopic("a-bad", assignment)));
        }
    }

    static void describeTopics() {
        say("list", () -> new TreeSet<>(admin.listTopics().names().get()));
        say("describe", () -> admin.describeTopics(List.of("a-default"), new DescribeTopicsOptions().includeAuthorizedOperations(true))
            .allTopicNames().get().values().stream()
            .map(d -> d.name() + " " + d.isInternal() + " " + sorted(d.authorizedOperations()) + " "
                + d.partitions().stream().map(p -> p.partition() + ":" + p.leader().id() + ":" + p.replicas().size() + ":" + p.isr().size()
                    + ":" + p.elr() + ":" + p.lastKnownElr()).toList())
            .toList());
        say("describe unknown", () -> admin.describeTopics(List.of("nope")).allTopicNames().get());
        say("describe bad name", () -> admin.describeTopics(List.of("a/b")).allTopicNames().get());
        say("describe unknown id", () -> admin.describeTopics(TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))).allTopicIds().get());
        say("describe in pages", () -> admin.describeTopics(List.of("a-default", "a-conf", "col.x"), new DescribeTopicsOptions().partitionSizeLimitPerResponse(1))
            .allTopicNames().get().values().stream().map(d -> d.name() + " " + d.partitions().size()).sorted().toList());
    }

    static void describeConfigs() {
        say("configs of a topic", () -> configs(Type.TOPIC, "a-conf"));
        say("configs of an unknown topic", () -> configs(Type.TOPIC, "nope"));
        say("configs of a bad name", () -> configs(Type.TOPIC, "a/b"));
        say("configs of no topic", () -> configs(Type.TOPIC, ""));
        say("configs of every broker", () -> configs(Type.BROKER, ""));
        say("configs of a group", () -> configs(Type.GROUP, "g"));
        say("configs of no group", () -> configs(Type.GROUP, ""));
        say("configs of client metrics", () -> configs(Type.CLIENT_METRICS, "m"));
        say("configs of no client metrics", () -> configs(Type.CLIENT_METRICS, ""));
    }

    static void alterTopicConfigs() {
        alterAndSee("set", "retention.ms", "5000", OpType.SET);
        alterAndSee("delete", "retention.ms", "", OpType.DELETE);
        alterAndSee("delete absent", "retention.ms", "", OpType.DELETE);
        alterAndSee("delete unknown", "no.such", "", OpType.DELETE);
        alterAndSee("append", "cleanup.policy", "compact", OpType.APPEND);
        alterAndSee("append again", "cleanup.policy", "compact", OpType.APPEND);
        alterAndSee("subtract", "cleanup.policy", "delete", OpType.SUBTRACT);
        alterAndSee("subtract absent", "cleanup.policy", "delete", OpType.SUBTRACT);
        alterAndSee("append to a number", "retention.ms", "5", OpType.APPEND);
        alterAndSee("set wrong", "retention.ms", "x", OpType.SET);
        alterAndSee("set out of range", "retention.ms", "-7", OpType.SET);
        alterAndSee("set unknown", "no.such", "1", OpType.SET);
        alterAndSee("set null", "retention.ms", null, OpType.SET);
        say("alter one right and one wrong", () -> alter(Type.TOPIC, "a-default", op("segment.ms", "999", OpType.SET), op("retention.ms", "-7", OpType.SET)));
        say("alter a key twice", () -> alter(Type.TOPIC, "a-default", op("retention.ms", "1", OpType.SET), op("retention.ms", "", OpType.DELETE)));
        say("alter an unknown topic", () -> alter(Type.TOPIC, "nope", op("retention.ms", "1", OpType.SET)));
        say("alter no topic", () -> alter(Type.TOPIC, "", op("retention.ms", "1", OpType.SET)));
        say("configs after all that", () -> configs(Type.TOPIC, "a-default"));
    }

    static void alterBrokerConfigs() throws Exception {
        say("alter a broker at run time", () -> alter(Type.BROKER, "1", op("log.retention.ms", "123456789", OpType.SET)));
        say("alter every broker", () -> alter(Type.BROKER, "", op("message.max.bytes", "2000000", OpType.SET), op("log.retention.ms", "987654321", OpType.SET)));
        say("alter what is read at start", () -> alter(Type.BROKER, "1", op("num.partitions", "3", OpType.SET)));
        say("alter hours", () -> alter(Type.BROKER, "", op("log.retention.hours", "2", OpType.SET)));
        say("alter a broker wrongly", () -> alter(Type.BROKER, "", op("message.max.bytes", "x", OpType.SET)));
        say("alter an unknown key of a broker", () -> alter(Type.BROKER, "1", op("no.such.key", "3", OpType.SET)));
        Thread.sleep(500); // Kafka's brokers learn of it a little later
        say("configs of a topic below altered brokers", () -> configs(Type.TOPIC, "a-assigned"));
        say("configs of every altered broker", () -> configs(Type.BROKER, ""));
        say("alter back every broker", () -> alter(Type.BROKER, "", op("message.max.bytes", "", OpType.DELETE), op("log.retention.ms", "", OpType.DELETE)));
        say("alter back a broker", () -> alter(Type.BROKER, "1", op("log.retention.ms", "", OpType.DELETE), op("no.such.key", "", OpType.DELETE)));
    }

    static void alterOtherConfigs() throws Exception {
        say("alter a group", () -> alter(Type.GROUP, "g", op("consumer.session.timeout.ms", "50000", OpType.SET)));
        say("alter a group wrongly", () -> alter(Type.GROUP, "g", op("no.such", "1", OpType.SET)));
        say("alter client metrics", () -> alter(Type.CLIENT_METRICS, "m", op("interval.ms", "50000", OpType.SET)));
        say("alter client metrics wrongly", () -> alter(Type.CLIENT_METRICS, "m", op("no.such", "1", OpType.SET)));
        Thread.sleep(500);
        say("configs of an altered group", () -> configs(Type.GROUP, "g").lines().filter(line -> line.contains("session")).toList());
        say("configs of altered client metrics", () -> configs(Type.CLIENT_METRICS, "m"));
        say("list config resources", () -> resources(Set.of()));
        say("list config resources of topics and groups", () -> resources(Set.of(Type.TOPIC, Type.GROUP)));
        say("alter back a group", () -> alter(Type.GROUP, "g", op("consumer.session.timeout.ms", "", OpType.DELETE)));
        say("alter back client metrics", () -> alter(Type.CLIENT_METRICS, "m", op("interval.ms", "", OpType.DELETE)));
    }

    static void createPartitions() {
        for (int count : new int[] {3, 3, 2, 0}) {
            say("raise to " + count + " partitions", () -> grow("a-conf", NewPartitions.increaseTo(count)));
        }
        say("raise an unknown topic", () -> grow("nope", NewPartitions.increaseTo(2)));
        say("raise assigned", () -> grow("a-conf", NewPartitions.increaseTo(4, List.of(List.of(1)))));
        say("raise assigned to another broker", () -> grow("a-conf", NewPartitions.increaseTo(5, List.of(List.of(2)))));
        say("raise assigned too few", () -> grow("a-conf", NewPartitions.increaseTo(6, List.of(List.of(1)))));
        say("raise assigned twice", () -> grow("a-conf", NewPartitions.increaseTo(5, List.of(List.of(1, 1)))));
    }

    static void records(String broker) {
        Map<String, Object> settings = Map.of("bootstrap.servers", broker);
        try (Producer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            say("produce ten", () -> {
                for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>("a-assigned", 0, "k" + i, "v" + i)).get();
                return "ok";
            });
        }
        for (long before : new long[] {4, 2, 40, -1, -2}) {
            say("delete records before " + before, () -> trim("a-assigned", 0, before));
        }
        say("delete records of an unknown topic", () -> trim("nope", 0, -1));
        say("create compacted", () -> create(topic("a-compact", 1, 1, "cleanup.policy", "compact")));
        say("delete records of a compacted topic", () -> trim("a-compact", 0, -1));
        say("size of an empty partition", () -> admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).values().stream()
            .map(d -> d.error() + " " + d.replicaInfos().get(new TopicPartition("a-assigned", 1))).toList());
        say("folder of a partition", () -> admin.describeReplicaLogDirs(List.of(new TopicPartitionReplica("a-assigned", 0, 1))).all().get().values().stream()
            .map(d -> (d.getCurrentReplicaLogDir() != null) + " " + d.getFutureReplicaLogDir()).toList());
    }

    static void leadersAndReplicas() {
        var partition = new TopicPartition("a-assigned", 0);
        var unknown = new TopicPartition("nope", 0);
        say("elect the preferred leader", () -> elections(ElectionType.PREFERRED, Set.of(partition)));
        say("elect uncleanly", () -> elections(ElectionType.UNCLEAN, Set.of(partition)));
        say("elect for an unknown topic", () -> elections(ElectionType.PREFERRED, Set.of(unknown)));
        say("elect for all", () -> elections(ElectionType.PREFERRED, null));
        say("list reassignments", () -> admin.listPartitionReassignments().reassignments().get());
        say("list reassignments of a partition", () -> admin.listPartitionReassignments(Set.of(partition)).reassignments().get());
        for (List<Integer> brokers : List.of(List.of(1), List.of(2), List.of(1, 2), List.of(1, 1))) {
            say("reassign to " + brokers, () -> reassign(partition, Optional.of(new NewPartitionReassignment(brokers))));
        }
        say("cancel a reassignment", () -> reassign(partition, Optional.empty()));
        say("reassign an unknown topic", () -> reassign(unknown, Optional.of(new NewPartitionReassignment(List.of(1)))));
    }

    static void deleteTopics() {
        say("delete", () -> delete(TopicCollection.ofTopicNames(List.of("a-default"))));
        say("delete again", () -> delete(TopicCollection.ofTopicNames(List.of("a-default"))));
        say("delete a bad name", () -> delete(TopicCollection.ofTopicNames(List.of("a/b"))));
        say("delete an unknown id", () -> delete(TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))));
        say("create what was deleted", () -> create(topic("a-default", 2, 1)));
        say("delete the rest", () -> delete(TopicCollection.ofTopicNames(admin.listTopics().names().get())));
    }

    static void say(String name, Callable<Object> ask) {
        System.out.println("$ " + name);
        try {
            System.out.println(ask.call());
        } catch (Throwable e) {
            Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
            System.out.println(cause.getClass().getSimpleName());
        }
    }

    static String create(NewTopic topic) throws Exception {
        CreateTopicsResult result = admin.createTopics(List.of(topic));
        result.all().get();
        boolean hasId = !result.topicId(topic.name()).get().equals(Uuid.ZERO_UUID);
        return result.numPartitions(topic.name()).get() + " partitions, factor " + result.replicationFactor(topic.name()).get()
            + (hasId ? ", id" : "") + own(result.config(topic.name()).get());
    }

    static NewTopic topic(String name, int partitions, int factor, String... configs) {
        Map<String, String> map = new HashMap<>();
        for (int i = 0; i < configs.length; i += 2) map.put(configs[i], configs[i + 1]);
        Optional<Integer> count = partitions == -1 ? Optional.empty() : Optional.of(partitions);
        Optional<Short> copies = factor == -1 ? Optional.empty() : Optional.of((short) factor);
        return new NewTopic(name, count, copies).configs(map);
    }

    static String own(Config config) {
        return config.entries().stream().filter(entry -> entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG)
            .map(entry -> "\n" + entry.name() + "=" + entry.value()).sorted().collect(Collectors.joining());
    }

    static String configs(Type type, String name) throws Exception {
        ConfigResource resource = new ConfigResource(type, name);
        var options = new DescribeConfigsOptions().includeSynonyms(true);
        return admin.describeConfigs(List.of(resource), options).all().get().get(resource).entries().stream()
            .sorted(Comparator.comparing(ConfigEntry::name))
            .map(e -> e.name() + "=" + e.value() + " " + e.source() + (e.isReadOnly() ? " read-only" : "") + (e.isSensitive() ? " sensitive" : "")
                + " " + e.type() + " " + e.synonyms().stream().map(s -> s.name() + "=" + s.value() + " " + s.source()).toList())
            .collect(Collectors.joining("\n"));
    }

    static AlterConfigOp op(String name, String value, OpType type) {
        return new AlterConfigOp(new ConfigEntry(name, value), type);
    }

    static String alter(Type type, String name, AlterConfigOp... operations) throws Exception {
        Collection<AlterConfigOp> list = new ArrayList<>(List.of(operations));
        admin.incrementalAlterConfigs(Map.of(new ConfigResource(type, name), list)).all().get();
        return "ok";
    }

    static void alterAndSee(String what, String name, String value, OpType type) {
        say("alter: " + what, () -> {
            alter(Type.TOPIC, "a-default", op(name, value, type));
            var resource = new ConfigResource(Type.TOPIC, "a-default");
            return "ok" + own(admin.describeConfigs(List.of(resource)).all().get().get(resource));
        });
    }

    static Object resources(Set<Type> types) throws Exception {
        return admin.listConfigResources(types, new ListConfigResourcesOptions()).all().get().stream()
            .map(resource -> resource.type() + " " + resource.name()).sorted().toList();
    }

    static String grow(String topic, NewPartitions partitions) throws Exception {
        admin.createPartitions(Map.of(topic, partitions)).all().get();
        return "ok";
    }

    static long trim(String topic, int partition, long before) throws Exception {
        var place = new TopicPartition(topic, partition);
        return admin.deleteRecords(Map.of(place, RecordsToDelete.beforeOffset(before))).lowWatermarks().get(place).get().lowWatermark();
    }

    static Object elections(ElectionType type, Set<TopicPartition> partitions) throws Exception {
        return admin.electLeaders(type, partitions).partitions().get().entrySet().stream()
            .map(entry -> entry.getKey() + " " + entry.getValue().map(e -> e.getClass().getSimpleName()).orElse("elected")).sorted().toList();
    }

    static String reassign(TopicPartition partition, Optional<NewPartitionReassignment> to) throws Exception {
        admin.alterPartitionReassignments(Map.of(partition, to)).all().get();
        return "ok";
    }

    static String delete(TopicCollection topics) throws Exception {
        admin.deleteTopics(topics).all().get();
        return "ok";
    }

    static Object sorted(Collection<?> values) {
        return values.stream().map(Object::toString).sorted().toList();
    }
}
