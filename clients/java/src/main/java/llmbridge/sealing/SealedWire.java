package llmbridge.sealing;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.WireFormat;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/**
 * The binary form of a message with nothing but its sealed form, so that sealing works with whatever made the stubs. Field
 * numbers as in proto/llmbridge/v1.
 */
final class SealedWire {
    private static final int SEALED_IN_REQUEST = 37;
    private static final int SEALED_IN_REPLY = 10;
    private static final byte[] NONE = {};

    private interface Fields {
        void writeTo(CodedOutputStream out) throws IOException;
    }

    private SealedWire() {}

    static byte[] request(Sealed sealed) {
        var payload = written(out -> {
            out.writeUInt32(1, sealed.version());
            out.writeString(2, sealed.keyId());
            out.writeUInt32(3, sealed.issuedAt());
            out.writeByteArray(4, sealed.nonce());
            out.writeByteArray(5, sealed.ciphertext());
        });
        return written(out -> out.writeByteArray(SEALED_IN_REQUEST, payload));
    }

    private static byte[] written(Fields fields) {
        var bytes = new ByteArrayOutputStream();
        try {
            var out = CodedOutputStream.newInstance(bytes);
            fields.writeTo(out);
            out.flush();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return bytes.toByteArray();
    }

    /** The sealed form of a reply, whole or streamed; null for one in the clear. */
    static Sealed ofReply(byte[] reply) {
        var in = CodedInputStream.newInstance(reply);
        try {
            for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
                if (tag == WireFormat.FieldType.MESSAGE.getWireType() + (SEALED_IN_REPLY << 3)) {
                    return sealed(CodedInputStream.newInstance(in.readByteArray()));
                }
                in.skipField(tag);
            }
            return null;
        } catch (IOException error) {
            throw new SealException("a reply of another form");
        }
    }

    private static Sealed sealed(CodedInputStream in) throws IOException {
        int version = 0;
        int issuedAt = 0;
        int sequence = 0;
        boolean last = false;
        String keyId = "";
        byte[] nonce = NONE;
        byte[] ciphertext = NONE;
        byte[] salt = NONE;
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            switch (WireFormat.getTagFieldNumber(tag)) {
                case 1 -> version = in.readUInt32();
                case 2 -> keyId = in.readString();
                case 3 -> issuedAt = in.readUInt32();
                case 4 -> nonce = in.readByteArray();
                case 5 -> ciphertext = in.readByteArray();
                case 6 -> salt = in.readByteArray();
                case 7 -> sequence = in.readUInt32();
                case 8 -> last = in.readBool();
                default -> in.skipField(tag);
            }
        }
        return new Sealed(version, keyId, issuedAt, nonce, ciphertext, salt, sequence, last);
    }
}
