package llmbridge.sealing.example;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import llmbridge.sealing.SealException;
import llmbridge.sealing.SealedChat;
import llmbridge.sealing.Sealer;
import llmbridge.sealing.SealingInterceptor;
import llmbridge.v1.ChatServiceGrpc;
import llmbridge.v1.ChatServiceOuterClass.ChatCompletionRequest;
import llmbridge.v1.Content.Message;
import llmbridge.v1.Content.Role;

/**
 * Makes one sealed call. Once {@code mvn --file clients/java/pom.xml package} has built it into .cache/java-sealing:
 *
 * <pre>
 * SEALING_KEY_ID=k1 SEALING_SECRET=... API_KEY=... SEALING_USER=alice \
 *   java -cp '.cache/java-sealing/sealing-1.jar:.cache/java-sealing/dependency/*' llmbridge.sealing.example.Example \
 *   grpc|grpc-stream|http|http-stream http://127.0.0.1:8080 MODEL "Hello"
 * </pre>
 *
 * <p>SEALING_SECRET is base64; SEALING_USER is whom the gateway takes the caller with this API_KEY for.
 */
public final class Example {
    private static final String KEY = System.getenv().getOrDefault("API_KEY", "");

    private Example() {}

    public static void main(String[] arguments) throws InterruptedException {
        var secret = Base64.getDecoder().decode(System.getenv("SEALING_SECRET"));
        var user = System.getenv().getOrDefault("SEALING_USER", "");
        var sealer = new Sealer(System.getenv("SEALING_KEY_ID"), secret, user);
        boolean stream = arguments[0].endsWith("-stream");
        try {
            if (arguments[0].startsWith("grpc")) {
                overGrpc(sealer, arguments[1], arguments[2], arguments[3], stream);
            } else {
                overHttp(sealer, arguments[1], arguments[2], arguments[3], stream);
            }
            System.out.println();
        } catch (StatusRuntimeException | SealException | IOException error) {
            System.err.println(error.getMessage());
            System.exit(1);
        }
    }

    private static void overGrpc(Sealer sealer, String url, String model, String content, boolean stream)
            throws InterruptedException {
        var headers = new Metadata();
        if (!KEY.isEmpty()) {
            headers.put(Metadata.Key.of("x-api-key", Metadata.ASCII_STRING_MARSHALLER), KEY);
        }
        var channel = ManagedChannelBuilder.forTarget(URI.create(url).getAuthority())
                .usePlaintext()
                .intercept(new SealingInterceptor(sealer), MetadataUtils.newAttachHeadersInterceptor(headers))
                .build();
        var chat = ChatServiceGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS);
        var request = ChatCompletionRequest.newBuilder()
                .setModel(model)
                .addMessages(Message.newBuilder().setRole(Role.ROLE_USER).setContent(content))
                .build();
        try {
            if (stream) {
                chat.streamChatCompletion(request).forEachRemaining(chunk -> chunk.getChoicesList()
                        .forEach(choice -> System.out.print(choice.getDelta().getContent())));
            } else {
                System.out.print(chat.chatCompletion(request).getChoices(0).getMessage().getContent());
            }
        } finally {
            channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
        }
    }

    private static void overHttp(Sealer sealer, String url, String model, String content, boolean stream)
            throws IOException, InterruptedException {
        Map<String, String> headers = KEY.isEmpty() ? Map.of() : Map.of("x-api-key", KEY);
        var chat = new SealedChat(HttpClient.newHttpClient(), url, sealer, headers);
        var messages = List.of(Map.of("role", "user", "content", content));
        var request = new Gson().toJson(Map.of("model", model, "stream", stream, "messages", messages));
        if (stream) {
            chat.stream(request, chunk -> System.out.print(textOf(chunk, "delta")));
        } else {
            System.out.print(textOf(chat.whole(request), "message"));
        }
    }

    private static String textOf(String json, String part) {
        var text = new StringBuilder();
        for (var choice : JsonParser.parseString(json).getAsJsonObject().getAsJsonArray("choices")) {
            JsonObject message = choice.getAsJsonObject().getAsJsonObject(part);
            if (message.has("content") && !message.get("content").isJsonNull()) {
                text.append(message.get("content").getAsString());
            }
        }
        return text.toString();
    }
}
