// Values of the contract: bytes travel as base64 or null, positions as [partition, offset].
package clients;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;

final class Json {
    private Json() {}

    static byte[] bytes(JsonElement value) {
        return value.isJsonNull() ? null : Base64.getDecoder().decode(value.getAsString());
    }

    static JsonElement base64(byte[] bytes) {
        return bytes == null ? JsonNull.INSTANCE : new JsonPrimitive(Base64.getEncoder().encodeToString(bytes));
    }

    static String text(JsonObject object, String name, String otherwise) {
        JsonElement value = object.get(name);
        return value == null || value.isJsonNull() ? otherwise : value.getAsString();
    }

    static JsonArray position(long partition, long offset) {
        JsonArray position = new JsonArray();
        position.add(partition);
        position.add(offset);
        return position;
    }

    static List<TopicPartition> partitions(JsonObject arguments) {
        List<TopicPartition> partitions = new ArrayList<>();
        for (JsonElement partition : arguments.getAsJsonArray("partitions")) {
            partitions.add(new TopicPartition(arguments.get("topic").getAsString(), partition.getAsInt()));
        }
        return partitions;
    }

    static Map<String, String> configs(JsonObject arguments) {
        Map<String, String> configs = new LinkedHashMap<>();
        if (!arguments.has("configs")) return configs;
        for (Map.Entry<String, JsonElement> entry : arguments.getAsJsonObject("configs").entrySet()) {
            configs.put(entry.getKey(), entry.getValue().getAsString());
        }
        return configs;
    }

    static JsonObject record(ConsumerRecord<byte[], byte[]> record) {
        JsonArray headers = new JsonArray();
        for (Header header : record.headers()) {
            JsonArray pair = new JsonArray();
            pair.add(header.key());
            pair.add(base64(header.value()));
            headers.add(pair);
        }
        JsonObject json = new JsonObject();
        json.addProperty("partition", record.partition());
        json.addProperty("offset", record.offset());
        json.addProperty("timestamp", record.timestamp());
        json.add("key", base64(record.key()));
        json.add("value", base64(record.value()));
        json.add("headers", headers);
        return json;
    }
}
