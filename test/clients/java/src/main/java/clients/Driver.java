// The driver of kafka-clients: reads commands as JSON lines, answers each with one JSON line.
// The contract is test/clients/README.md. Nothing is judged here: every check is made by the runner.
package clients;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.utils.AppInfoParser;

public final class Driver {
    interface Verb {
        JsonElement run(JsonObject arguments) throws Exception;
    }

    public static void main(String[] argv) throws Exception {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        Gson gson = new GsonBuilder().serializeNulls().create();
        Map<String, Verb> verbs = verbs(argv[0]);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonObject command = gson.fromJson(line, JsonObject.class);
            JsonObject answer = new JsonObject();
            answer.add("id", command.get("id"));
            Verb verb = verbs.get(command.get("verb").getAsString());
            try {
                if (verb == null) answer.addProperty("unsupported", "no such verb");
                else answer.add("result", verb.run(command));
            } catch (Exception error) {
                Throwable cause = error instanceof java.util.concurrent.ExecutionException ? error.getCause() : error;
                answer.addProperty("error", cause.toString());
            }
            out.println(gson.toJson(answer));
            out.flush();
        }
        System.exit(0);
    }

    private static Map<String, Verb> verbs(String bootstrap) {
        Map<String, Verb> verbs = new HashMap<>();
        verbs.put("hello", arguments -> {
            JsonObject hello = new JsonObject();
            hello.addProperty("version", AppInfoParser.getVersion());
            return hello;
        });
        new Records(bootstrap).addTo(verbs);
        new Members(bootstrap).addTo(verbs);
        new Transactions(bootstrap).addTo(verbs);
        new Administration(bootstrap).addTo(verbs);
        return verbs;
    }
}
