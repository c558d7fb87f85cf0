package llmbridge.sealing;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Sealed chat over the OpenAI-shaped surface of one gateway; requests and answers are the JSON texts that would go in the clear. */
public final class SealedChat {
    private static final String METHOD = "/v1/chat/completions";
    private static final Gson GSON = new Gson();
    private static final Base64.Encoder BASE64URL = Base64.getUrlEncoder().withoutPadding();

    private final HttpClient client;
    private final URI uri;
    private final Sealer sealer;
    private final Map<String, String> headers;

    /** A call that the gateway answered by an error: its status, and its JSON text. */
    public static final class CallException extends IOException {
        private static final long serialVersionUID = 1;
        private final int status;

        CallException(int status, String body) {
            super(body);
            this.status = status;
        }

        public int status() {
            return status;
        }
    }

    /**
     * @param url the gateway, without a path
     * @param headers sent with each call: the credential
     */
    public SealedChat(HttpClient client, String url, Sealer sealer, Map<String, String> headers) {
        this.client = client;
        this.uri = URI.create(url + METHOD);
        this.sealer = sealer;
        this.headers = Map.copyOf(headers);
    }

    /** The answer to a request. */
    public String whole(String request) throws IOException, InterruptedException {
        var sealed = sealer.seal(METHOD, request.getBytes(StandardCharsets.UTF_8));
        var response = send(sealed.sealed());
        try (var lines = response.body()) {
            return openWhole(response.statusCode(), lines.collect(Collectors.joining("\n")), sealed.reply());
        }
    }

    /** Gives each chunk of the answer to a request that says {@code "stream": true}; returns when it came whole. */
    public void stream(String request, Consumer<String> chunk) throws IOException, InterruptedException {
        var sealed = sealer.seal(METHOD, request.getBytes(StandardCharsets.UTF_8));
        var response = send(sealed.sealed());
        try (var lines = response.body()) {
            var type = response.headers().firstValue("content-type").orElse("");
            if (!type.startsWith("text/event-stream")) {
                openWhole(response.statusCode(), lines.collect(Collectors.joining("\n")), sealed.reply());
                throw new SealException("an answer in the place of a stream");
            }
            for (var line : (Iterable<String>) lines::iterator) {
                var data = line.startsWith("data:") ? line.substring("data:".length()).strip() : "[DONE]";
                // It is in the clear: that the answer is whole, the last mark has said before.
                if (data.equals("[DONE]")) {
                    continue;
                }
                var opened = text(sealed.reply().open(parse(data)));
                if (isError(opened)) {
                    throw new CallException(response.statusCode(), opened);
                }
                if (!opened.isEmpty()) {
                    chunk.accept(opened);
                }
            }
            sealed.reply().end();
        } catch (UncheckedIOException error) {
            throw error.getCause();
        }
    }

    private HttpResponse<Stream<String>> send(Sealed sealed) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(uri)
                .header("content-type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(requestJson(sealed)));
        headers.forEach(request::header);
        return client.send(request.build(), HttpResponse.BodyHandlers.ofLines());
    }

    private static String openWhole(int status, String body, ReplyOpener reply) throws CallException {
        boolean failed = status >= 400;
        var message = parse(body);
        // What failed before the request was opened is told in the clear, by nobody that could be known.
        if (message == null && failed) {
            throw new CallException(status, body);
        }
        var opened = text(reply.openWhole(message));
        // The status is in the clear; what is sealed says whether it's true.
        if (failed != isError(opened)) {
            throw new SealException("the status is not that of the sealed answer");
        }
        if (failed) {
            throw new CallException(status, opened);
        }
        return opened;
    }

    private static String requestJson(Sealed sealed) {
        var fields = new JsonObject();
        fields.addProperty("version", sealed.version());
        fields.addProperty("key_id", sealed.keyId());
        fields.addProperty("issued_at", Integer.toUnsignedLong(sealed.issuedAt()));
        fields.addProperty("nonce", BASE64URL.encodeToString(sealed.nonce()));
        fields.addProperty("ciphertext", BASE64URL.encodeToString(sealed.ciphertext()));
        var body = new JsonObject();
        body.add("sealed", fields);
        return GSON.toJson(body);
    }

    /** What stands under `sealed` in a JSON text; null where nothing does. */
    private static Sealed parse(String json) {
        JsonObject fields;
        try {
            fields = JsonParser.parseString(json).getAsJsonObject().getAsJsonObject("sealed");
        } catch (JsonParseException | IllegalStateException | ClassCastException error) {
            return null;
        }
        if (fields == null) {
            return null;
        }
        try {
            return new Sealed(
                    count(fields, "version"),
                    fields.has("key_id") ? fields.get("key_id").getAsString() : "",
                    count(fields, "issued_at"),
                    bytes(fields, "nonce"),
                    bytes(fields, "ciphertext"),
                    bytes(fields, "salt"),
                    count(fields, "sequence"),
                    fields.has("last") && fields.get("last").getAsBoolean());
        } catch (IllegalArgumentException | IllegalStateException | UnsupportedOperationException error) {
            throw new SealException("a sealed message of another form");
        }
    }

    private static int count(JsonObject fields, String name) {
        return fields.has(name) ? Integer.parseUnsignedInt(fields.get(name).getAsString()) : 0;
    }

    private static byte[] bytes(JsonObject fields, String name) {
        return fields.has(name) ? Base64.getUrlDecoder().decode(fields.get(name).getAsString()) : new byte[0];
    }

    private static boolean isError(String json) {
        if (json.isEmpty()) {
            return false;
        }
        var body = JsonParser.parseString(json);
        return body.isJsonObject() && body.getAsJsonObject().has("error");
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
