// Topics, configs and groups through the Admin client.
package clients;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;

final class Administration {
    private final String bootstrap;
    private Admin admin;

    Administration(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    void addTo(Map<String, Driver.Verb> verbs) {
        verbs.put("createTopic", this::createTopic);
        verbs.put("describeTopic", this::describeTopic);
        verbs.put("deleteTopic", this::deleteTopic);
        verbs.put("describeConfig", this::describeConfig);
        verbs.put("alterConfig", this::alterConfig);
        verbs.put("createPartitions", this::createPartitions);
        verbs.put("deleteRecords", this::deleteRecords);
        verbs.put("listGroups", this::listGroups);
        verbs.put("describeGroup", this::describeGroup);
        verbs.put("deleteGroup", this::deleteGroup);
    }

    private Admin admin() {
        if (admin == null) {
            Properties settings = new Properties();
            settings.put("bootstrap.servers", bootstrap);
            admin = Admin.create(settings);
        }
        return admin;
    }

    private JsonElement createTopic(JsonObject arguments) throws Exception {
        NewTopic topic = new NewTopic(topic(arguments), arguments.get("partitions").getAsInt(), (short) 1);
        admin().createTopics(List.of(topic.configs(Json.configs(arguments)))).all().get();
        return new JsonObject();
    }

    private JsonElement describeTopic(JsonObject arguments) throws Exception {
        JsonArray partitions = new JsonArray();
        for (TopicPartitionInfo info :
                admin().describeTopics(List.of(topic(arguments))).allTopicNames().get().get(topic(arguments)).partitions()) {
            partitions.add(Json.position(info.partition(), info.leader() == null ? -1 : info.leader().id()));
        }
        return object("leaders", partitions);
    }

    private JsonElement deleteTopic(JsonObject arguments) throws Exception {
        admin().deleteTopics(List.of(topic(arguments))).all().get();
        return new JsonObject();
    }

    private JsonElement describeConfig(JsonObject arguments) throws Exception {
        ConfigResource resource = resource(arguments);
        JsonObject configs = new JsonObject();
        for (ConfigEntry entry : admin().describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
            configs.addProperty(entry.name(), entry.value());
        }
        return object("configs", configs);
    }

    private JsonElement alterConfig(JsonObject arguments) throws Exception {
        List<AlterConfigOp> operations = new ArrayList<>();
        Json.configs(arguments).forEach((name, value) ->
            operations.add(new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET)));
        admin().incrementalAlterConfigs(Map.of(resource(arguments), operations)).all().get();
        return new JsonObject();
    }

    private JsonElement createPartitions(JsonObject arguments) throws Exception {
        NewPartitions total = NewPartitions.increaseTo(arguments.get("total").getAsInt());
        admin().createPartitions(Map.of(topic(arguments), total)).all().get();
        return new JsonObject();
    }

    private JsonElement deleteRecords(JsonObject arguments) throws Exception {
        TopicPartition partition = new TopicPartition(topic(arguments), arguments.get("partition").getAsInt());
        RecordsToDelete before = RecordsToDelete.beforeOffset(arguments.get("before").getAsLong());
        admin().deleteRecords(Map.of(partition, before)).all().get();
        return new JsonObject();
    }

    // listConsumerGroups gives way to listGroups in 4.x, but both versions of the client have it.
    @SuppressWarnings("deprecation")
    private JsonElement listGroups(JsonObject arguments) throws Exception {
        JsonArray groups = new JsonArray();
        for (ConsumerGroupListing group : admin().listConsumerGroups().all().get()) groups.add(group.groupId());
        return object("groups", groups);
    }

    // groupState() follows state() in 4.x, but both versions of the client have state().
    @SuppressWarnings("deprecation")
    private JsonElement describeGroup(JsonObject arguments) throws Exception {
        String group = arguments.get("group").getAsString();
        ConsumerGroupDescription description =
            admin().describeConsumerGroups(List.of(group)).all().get().get(group);
        JsonObject result = new JsonObject();
        result.addProperty("state", description.state().toString());
        result.addProperty("members", description.members().size());
        return result;
    }

    private JsonElement deleteGroup(JsonObject arguments) throws Exception {
        admin().deleteConsumerGroups(List.of(arguments.get("group").getAsString())).all().get();
        return new JsonObject();
    }

    private static String topic(JsonObject arguments) {
        return arguments.get("topic").getAsString();
    }

    private static ConfigResource resource(JsonObject arguments) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic(arguments));
    }

    private static JsonObject object(String name, JsonElement value) {
        JsonObject object = new JsonObject();
        object.add(name, value);
        return object;
    }
}
