package llmbridge.sealing;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** Keys, additional data and AES-256-GCM as docs/sealing.md has them. */
final class SealFormat {
    static final int VERSION = 1;
    static final int REQUEST = 1;
    static final int REPLY = 2;
    static final int SECRET_BYTES = 32;
    static final int NONCE_BYTES = 12;
    static final int SALT_BYTES = 16;
    static final int TAG_BYTES = 16;

    private SealFormat() {}

    static byte[] requestAad(String method, String keyId, int issuedAt, String user) {
        return aad(REQUEST, method, keyId, issuedAt, user, out -> {});
    }

    static byte[] replyAad(String method, String keyId, int issuedAt, String user, int sequence, boolean last) {
        return aad(REPLY, method, keyId, issuedAt, user, out -> {
            out.writeInt(sequence);
            out.writeByte(last ? 1 : 0);
        });
    }

    private interface Rest {
        void writeTo(DataOutputStream out) throws IOException;
    }

    private static byte[] aad(int direction, String method, String keyId, int issuedAt, String user, Rest rest) {
        var bytes = new ByteArrayOutputStream();
        try (var out = new DataOutputStream(bytes)) {
            out.writeByte(VERSION);
            out.writeByte(direction);
            writeText(out, method);
            writeText(out, keyId);
            out.writeInt(issuedAt);
            writeText(out, user);
            rest.writeTo(out);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return bytes.toByteArray();
    }

    // DataOutputStream.writeUTF would not do: its UTF-8 is modified.
    private static void writeText(DataOutputStream out, String text) throws IOException {
        var bytes = text.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > 0xffff) {
            throw new IllegalArgumentException("a text of a seal has at most 65,535 bytes");
        }
        out.writeShort(bytes.length);
        out.write(bytes);
    }

    /** HKDF-SHA256 (RFC 5869) for 32 bytes: one block of output is all. */
    static SecretKeySpec derive(byte[] secret, byte[] salt, String info) throws GeneralSecurityException {
        var extracted = hmac(salt.length == 0 ? new byte[32] : salt, secret);
        var text = info.getBytes(StandardCharsets.US_ASCII);
        var block = Arrays.copyOf(text, text.length + 1);
        block[text.length] = 1;
        return new SecretKeySpec(hmac(extracted, block), "AES");
    }

    private static byte[] hmac(byte[] key, byte[] data) throws GeneralSecurityException {
        var mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(data);
    }

    /** Encrypts or decrypts; the tag stands behind the ciphertext. */
    static byte[] gcm(int mode, SecretKeySpec key, byte[] nonce, byte[] aad, byte[] text)
            throws GeneralSecurityException {
        var cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(mode, key, new GCMParameterSpec(TAG_BYTES * 8, nonce));
        cipher.updateAAD(aad);
        return cipher.doFinal(text);
    }
}
