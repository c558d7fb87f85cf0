package llmbridge.sealing;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Set;

/**
 * Seals chat calls over gRPC, unary and streamed, and opens their answers; other calls pass as they are. It belongs first among
 * the arguments of {@code ManagedChannelBuilder.intercept}, which runs the last one first, so that the others see messages in the
 * clear. An answer that is not what the gateway sealed ends the call with DATA_LOSS.
 */
public final class SealingInterceptor implements ClientInterceptor {
    private static final Set<String> METHODS =
            Set.of("llmbridge.v1.ChatService/ChatCompletion", "llmbridge.v1.ChatService/StreamChatCompletion");

    private static final MethodDescriptor.Marshaller<byte[]> BYTES = new MethodDescriptor.Marshaller<>() {
        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            return read(stream);
        }
    };

    private final Sealer sealer;

    public SealingInterceptor(Sealer sealer) {
        this.sealer = sealer;
    }

    @Override
    public <Q, A> ClientCall<Q, A> interceptCall(MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
        if (!METHODS.contains(method.getFullMethodName())) {
            return next.newCall(method, options);
        }
        return new SealedCall<>(method, next.newCall(method.toBuilder(BYTES, BYTES).build(), options));
    }

    private static byte[] read(InputStream stream) {
        try (stream) {
            return stream.readAllBytes();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private final class SealedCall<Q, A> extends ClientCall<Q, A> {
        private final MethodDescriptor<Q, A> method;
        private final ClientCall<byte[], byte[]> call;
        private volatile ReplyOpener reply;

        SealedCall(MethodDescriptor<Q, A> method, ClientCall<byte[], byte[]> call) {
            this.method = method;
            this.call = call;
        }

        @Override
        public void start(Listener<A> listener, Metadata headers) {
            call.start(new OpeningListener(listener), headers);
        }

        @Override
        public void sendMessage(Q message) {
            var request = sealer.seal("/" + method.getFullMethodName(), read(method.streamRequest(message)));
            reply = request.reply();
            call.sendMessage(SealedWire.request(request.sealed()));
        }

        @Override
        public void request(int count) {
            call.request(count);
        }

        @Override
        public void halfClose() {
            call.halfClose();
        }

        @Override
        public void cancel(String message, Throwable cause) {
            call.cancel(message, cause);
        }

        @Override
        public boolean isReady() {
            return call.isReady();
        }

        private ReplyOpener opener() {
            var opener = reply;
            if (opener == null) {
                throw new SealException("a reply before its request");
            }
            return opener;
        }

        private final class OpeningListener extends Listener<byte[]> {
            private final Listener<A> listener;
            private String broken;

            OpeningListener(Listener<A> listener) {
                this.listener = listener;
            }

            @Override
            public void onHeaders(Metadata headers) {
                listener.onHeaders(headers);
            }

            @Override
            public void onMessage(byte[] message) {
                if (broken != null) {
                    return;
                }
                boolean streamed = !method.getType().serverSendsOneMessage();
                byte[] plaintext;
                try {
                    var sealed = SealedWire.ofReply(message);
                    plaintext = streamed ? opener().open(sealed) : opener().openWhole(sealed);
                } catch (SealException error) {
                    broken = error.getMessage();
                    call.cancel(broken, error);
                    return;
                }
                // The end mark of a stream is a message of its own, with nothing in it.
                if (streamed && plaintext.length == 0) {
                    call.request(1);
                } else {
                    listener.onMessage(method.parseResponse(new ByteArrayInputStream(plaintext)));
                }
            }

            @Override
            public void onClose(Status status, Metadata trailers) {
                if (broken == null && status.isOk()) {
                    try {
                        opener().end();
                    } catch (SealException error) {
                        broken = error.getMessage();
                    }
                }
                listener.onClose(broken == null ? status : Status.DATA_LOSS.withDescription(broken), trailers);
            }

            @Override
            public void onReady() {
                listener.onReady();
            }
        }
    }
}
