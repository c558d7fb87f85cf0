package client;

import com.google.gson.Gson;
import com.google.rpc.ErrorInfo;
import io.grpc.Context;
import io.grpc.ManagedChannelBuilder;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;
import llmbridge.v1.ChatServiceGrpc;
import llmbridge.v1.ChatServiceOuterClass.ChatCompletionRequest;
import llmbridge.v1.ChatServiceOuterClass.ChatCompletionResponse;
import llmbridge.v1.ChatServiceOuterClass.FinishReason;
import llmbridge.v1.ChatServiceOuterClass.StreamChatCompletionResponse;
import llmbridge.v1.Content.Message;
import llmbridge.v1.Content.Role;
import llmbridge.v1.UsageOuterClass.Usage;

/**
 * Asks a gateway once, by stubs generated from its protos, and prints what came of it as one line of JSON.
 *
 * <p>Arguments: ADDRESS chat|stream|cancel QUESTION.json; test/clients/caller.ts says what both JSONs look like.
 */
public final class Client {
    private record Question(String model, String content, int maxTokens) {}

    private record Failure(String code, String reason, String message) {}

    private static final class Answer {
        String text = "";
        String finish = "";
        int promptTokens;
        int completionTokens;
        int pieces;
        Failure failure;

        void add(String piece, FinishReason reason) {
            if (!piece.isEmpty()) {
                text += piece;
                pieces++;
            }
            if (reason != FinishReason.FINISH_REASON_UNSPECIFIED) {
                finish = reason.name().replace("FINISH_REASON_", "").toLowerCase();
            }
        }

        void count(Usage usage) {
            promptTokens = usage.getPromptTokens();
            completionTokens = usage.getCompletionTokens();
        }
    }

    private Client() {}

    public static void main(String[] arguments) throws InterruptedException {
        var gson = new Gson();
        var question = gson.fromJson(arguments[2], Question.class);
        var channel = ManagedChannelBuilder.forTarget(arguments[0]).usePlaintext().build();
        var request = ChatCompletionRequest.newBuilder()
                .setModel(question.model())
                .setMaxTokens(question.maxTokens())
                .addMessages(Message.newBuilder().setRole(Role.ROLE_USER).setContent(question.content()))
                .build();
        var chat = ChatServiceGrpc.newBlockingStub(channel).withDeadlineAfter(30, TimeUnit.SECONDS);
        var answer = new Answer();
        try {
            if (arguments[1].equals("chat")) {
                whole(chat, request, answer);
            } else {
                streamed(chat, request, answer, arguments[1].equals("cancel"));
            }
        } catch (StatusRuntimeException error) {
            answer.failure = describe(error);
        }
        System.out.println(gson.toJson(answer));
        channel.shutdown().awaitTermination(5, TimeUnit.SECONDS);
    }

    private static void whole(
            ChatServiceGrpc.ChatServiceBlockingStub chat, ChatCompletionRequest request, Answer answer) {
        ChatCompletionResponse reply = chat.chatCompletion(request);
        var choice = reply.getChoices(0);
        answer.add(choice.getMessage().getContent(), choice.getFinishReason());
        answer.count(reply.getUsage());
    }

    private static void streamed(
            ChatServiceGrpc.ChatServiceBlockingStub chat,
            ChatCompletionRequest request,
            Answer answer,
            boolean stopEarly) {
        try (var context = Context.current().withCancellation()) {
            var previous = context.attach();
            try {
                Iterator<StreamChatCompletionResponse> chunks = chat.streamChatCompletion(request);
                while (chunks.hasNext()) {
                    var chunk = chunks.next();
                    chunk.getChoicesList()
                            .forEach(choice -> answer.add(choice.getDelta().getContent(), choice.getFinishReason()));
                    if (chunk.hasUsage()) {
                        answer.count(chunk.getUsage());
                    }
                    if (stopEarly && answer.pieces == 3) {
                        context.cancel(null);
                    }
                }
            } finally {
                context.detach(previous);
            }
        }
    }

    private static Failure describe(StatusRuntimeException error) {
        var reason = "";
        var status = StatusProto.fromThrowable(error);
        if (status != null) {
            for (var detail : status.getDetailsList()) {
                if (detail.is(ErrorInfo.class)) {
                    try {
                        reason = detail.unpack(ErrorInfo.class).getReason();
                    } catch (com.google.protobuf.InvalidProtocolBufferException broken) {
                        throw new IllegalStateException(broken);
                    }
                }
            }
        }
        return new Failure(error.getStatus().getCode().name(), reason, error.getStatus().getDescription());
    }
}
