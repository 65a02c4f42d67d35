// What protects connections, from MILLRACE_CLIENT_SECURITY: see test/clients/security.ts.
package clients;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import java.util.Properties;

final class Security {
    private static final String MODULES = "org.apache.kafka.common.security.";

    private Security() {}

    static void addTo(Properties settings) {
        String json = System.getenv("MILLRACE_CLIENT_SECURITY");
        if (json == null) return;
        JsonObject security = new Gson().fromJson(json, JsonObject.class);
        settings.put("security.protocol", security.get("protocol").getAsString());
        settings.put("ssl.truststore.type", "PEM");
        settings.put("ssl.truststore.location", security.get("caFile").getAsString());
        if (security.has("keyAndCertificateFile")) {
            settings.put("ssl.keystore.type", "PEM");
            settings.put("ssl.keystore.location", security.get("keyAndCertificateFile").getAsString());
        }
        if (!security.has("mechanism")) return;
        String mechanism = security.get("mechanism").getAsString();
        String module = mechanism.equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
        settings.put("sasl.mechanism", mechanism);
        settings.put("sasl.jaas.config", String.format(
            "%s%s required username=\"%s\" password=\"%s\";",
            MODULES,
            module,
            security.get("user").getAsString(),
            security.get("password").getAsString()));
    }
}
