package llmbridge.sealing.example;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.StreamSupport;
import llmbridge.sealing.Padding;
import llmbridge.sealing.ReplyOpener;
import llmbridge.sealing.SealException;
import llmbridge.sealing.Sealed;
import llmbridge.sealing.Sealer;

/** Checks docs/sealing-vectors.json, which is its argument; exits 1 and names each case that failed. */
public final class CheckVectors {
    private CheckVectors() {}

    public static void main(String[] arguments) throws IOException {
        var vectors = JsonParser.parseString(Files.readString(Path.of(arguments[0]))).getAsJsonObject();
        var failed = new ArrayList<String>();
        int count = 0;
        for (var vector : list(vectors, "requests")) {
            count++;
            var wanted = sealed(vector.getAsJsonObject("sealed"));
            var made = new Sealer(wanted.keyId(), bytes(vector, "secret"), text(vector, "user"))
                    .seal(text(vector, "method"), bytes(vector, "plaintext"), wanted.issuedAt(), wanted.nonce())
                    .sealed();
            if (!Arrays.equals(made.ciphertext(), wanted.ciphertext())) {
                failed.add("request: " + text(vector, "name"));
            }
        }
        for (var vector : list(vectors, "replies")) {
            count++;
            var opener = opener(vector);
            for (var message : list(vector, "messages")) {
                if (!Arrays.equals(opener.open(sealed(message.getAsJsonObject("sealed"))), bytes(message, "plaintext"))) {
                    failed.add("reply: " + text(vector, "name"));
                }
            }
            opener.end();
        }
        for (var vector : list(vectors, "invalid_replies")) {
            count++;
            try {
                var opener = opener(vector);
                list(vector, "messages").forEach(message -> opener.open(sealed(message)));
                opener.end();
                failed.add("taken: " + text(vector, "name"));
            } catch (SealException expected) {
                // As it must be.
            }
        }
        for (var vector : list(vectors, "padding")) {
            if (!text(vector, "padding").equals("pow2")) {
                continue;
            }
            count++;
            var plaintext = bytes(vector, "plaintext");
            var padded = text(vector, "form").equals("json") ? Padding.json(plaintext) : Padding.binary(plaintext);
            if (!Arrays.equals(padded, bytes(vector, "padded"))) {
                failed.add("padding: " + plaintext.length);
            }
        }
        for (int length = 0; length < 700; length++) {
            if (Integer.bitCount(Padding.binary(new byte[length]).length) != 1) {
                failed.add("padding of " + length + " bytes");
            }
        }
        failed.forEach(System.err::println);
        if (!failed.isEmpty() || count == 0) {
            System.exit(1);
        }
        System.out.println(count + " vectors");
    }

    private static ReplyOpener opener(JsonObject vector) {
        return new Sealer(text(vector, "key_id"), bytes(vector, "secret"), text(vector, "user"))
                .opener(text(vector, "method"), bytes(vector, "request_nonce"));
    }

    private static Sealed sealed(JsonObject fields) {
        return new Sealed(
                fields.get("version").getAsInt(),
                text(fields, "key_id"),
                fields.get("issued_at").getAsInt(),
                bytes(fields, "nonce"),
                bytes(fields, "ciphertext"),
                fields.has("salt") ? bytes(fields, "salt") : new byte[0],
                fields.has("sequence") ? fields.get("sequence").getAsInt() : 0,
                fields.has("last") && fields.get("last").getAsBoolean());
    }

    private static List<JsonObject> list(JsonObject object, String name) {
        return StreamSupport.stream(object.getAsJsonArray(name).spliterator(), false)
                .map(JsonElement::getAsJsonObject)
                .toList();
    }

    private static String text(JsonObject object, String name) {
        return object.get(name).getAsString();
    }

    private static byte[] bytes(JsonObject object, String name) {
        return HexFormat.of().parseHex(text(object, name));
    }
}
