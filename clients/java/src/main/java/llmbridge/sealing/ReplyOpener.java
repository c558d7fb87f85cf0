package llmbridge.sealing;

import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;

/** Opens the messages of one reply, in their order; whatever does not belong there is a SealException. */
public final class ReplyOpener {
    private final byte[] secret;
    private final String keyId;
    private final String user;
    private final String method;
    private final byte[] requestNonce;
    private SecretKeySpec key;
    private int next;
    private boolean whole;
    private boolean broken;

    ReplyOpener(byte[] secret, String keyId, String user, String method, byte[] requestNonce) {
        this.secret = secret;
        this.keyId = keyId;
        this.user = user;
        this.method = method;
        this.requestNonce = requestNonce;
    }

    /** The next message's plaintext; null stands for a message in the clear, and is refused. */
    public byte[] open(Sealed message) {
        var why = misplaced(message);
        if (why != null) {
            throw refuse(why);
        }
        var aad = SealFormat.replyAad(method, keyId, message.issuedAt(), user, message.sequence(), message.last());
        byte[] plaintext;
        try {
            if (key == null) {
                var salt = ByteBuffer.allocate(SealFormat.NONCE_BYTES + SealFormat.SALT_BYTES);
                key = SealFormat.derive(secret, salt.put(requestNonce).put(message.salt()).array(), "reply");
            }
            plaintext = SealFormat.gcm(Cipher.DECRYPT_MODE, key, message.nonce(), aad, message.ciphertext());
        } catch (GeneralSecurityException error) {
            throw refuse("a message that does not verify");
        }
        next++;
        whole = message.last();
        return plaintext;
    }

    /** What is wrong with a message before it is opened; null for nothing. */
    private String misplaced(Sealed message) {
        if (message == null) {
            return "a reply in the clear";
        }
        if (broken) {
            return "a message after one that did not verify";
        }
        if (whole) {
            return "a message after the last one";
        }
        if (message.version() != SealFormat.VERSION || !message.keyId().equals(keyId)) {
            return "a message of another version or key";
        }
        if (message.sequence() != next) {
            return "a message out of its place";
        }
        var counted = ByteBuffer.allocate(SealFormat.NONCE_BYTES).putInt(SealFormat.NONCE_BYTES - 4, next);
        if (!Arrays.equals(message.nonce(), counted.array())) {
            return "a message with another nonce";
        }
        // The JDK's GCM has no proper exception for what is shorter than a tag.
        if (message.ciphertext().length < SealFormat.TAG_BYTES) {
            return "a message that does not verify";
        }
        return message.salt().length == (next == 0 ? SealFormat.SALT_BYTES : 0) ? null : "a salt of the wrong length";
    }

    /** Opens a reply that is one message. */
    public byte[] openWhole(Sealed message) {
        var plaintext = open(message);
        end();
        return plaintext;
    }

    /** To be called where no more messages come: a SealException unless the last one came. */
    public void end() {
        if (!whole) {
            throw refuse("the reply was cut");
        }
    }

    private SealException refuse(String what) {
        broken = true;
        return new SealException(what);
    }
}
