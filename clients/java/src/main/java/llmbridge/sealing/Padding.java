package llmbridge.sealing;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;

/** Hides the length of a plaintext: filled up to the next power of two, 64 at least (docs/sealing.md, "Padding"). */
public final class Padding {
    private static final int LEAST = 64;
    private static final int SHORTEST_FIELD = 3;
    private static final int MOST_DIGITS = 5;

    private Padding() {}

    /** Spaces behind JSON, which its readers pass over. */
    public static byte[] json(byte[] plaintext) {
        int length = LEAST;
        while (length < plaintext.length) {
            length *= 2;
        }
        var padded = Arrays.copyOf(plaintext, length);
        Arrays.fill(padded, plaintext.length, length, (byte) ' ');
        return padded;
    }

    /** A field of zero bytes behind a message of Protocol Buffers, which its readers pass over. */
    public static byte[] binary(byte[] plaintext) {
        int length = LEAST;
        while (length < plaintext.length || length > plaintext.length && length - plaintext.length < SHORTEST_FIELD) {
            length *= 2;
        }
        var padded = new ByteArrayOutputStream(length);
        padded.writeBytes(plaintext);
        writeField(padded, length - plaintext.length);
        return padded.toByteArray();
    }

    /** A field of so many bytes in all; two, where no one field has that length. */
    private static void writeField(ByteArrayOutputStream out, int size) {
        if (size == 0) {
            return;
        }
        out.write(0xc2);
        out.write(0x3e);
        for (int digits = 1; digits <= MOST_DIGITS; digits++) {
            int length = size - 2 - digits;
            var varint = varint(length);
            if (varint.length == digits) {
                out.writeBytes(varint);
                out.writeBytes(new byte[length]);
                return;
            }
        }
        out.write(0);
        writeField(out, size - SHORTEST_FIELD);
    }

    private static byte[] varint(int value) {
        var digits = new ByteArrayOutputStream();
        for (int rest = value; rest >= 0; rest >>= 7) {
            digits.write(rest < 128 ? rest : rest & 127 | 128);
            if (rest < 128) {
                break;
            }
        }
        return digits.toByteArray();
    }
}
