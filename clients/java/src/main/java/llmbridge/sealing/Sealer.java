package llmbridge.sealing;

import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;

/** Seals requests under one secret. It may be used by many threads at once. */
public final class Sealer {
    /** A sealed request, and what opens its reply. */
    public record Request(Sealed sealed, ReplyOpener reply) {}

    private static final byte[] NONE = {};

    private final SecureRandom random = new SecureRandom();
    private final String keyId;
    private final byte[] secret;
    private final String user;
    private final SecretKeySpec requestKey;
    private boolean padded;

    /**
     * @param keyId the id under which the gateway has the secret
     * @param secret 32 bytes
     * @param user whom the gateway takes this caller for by its credential; empty for an anonymous one
     */
    public Sealer(String keyId, byte[] secret, String user) {
        if (secret.length != SealFormat.SECRET_BYTES) {
            throw new IllegalArgumentException("a sealing secret has 32 bytes, not " + secret.length);
        }
        this.keyId = keyId;
        this.secret = secret.clone();
        this.user = user;
        try {
            requestKey = SealFormat.derive(secret, NONE, "request");
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Hides the lengths of requests, by filling them up to the next power of two. To be called before the first. */
    public Sealer padded() {
        padded = true;
        return this;
    }

    /** Seals one request to a method, with a nonce of its own: seal anew to try again. */
    public Request seal(String method, byte[] plaintext) {
        var nonce = new byte[SealFormat.NONCE_BYTES];
        random.nextBytes(nonce);
        return seal(method, plaintext, (int) (System.currentTimeMillis() / 1000), nonce);
    }

    /** For test vectors alone: a nonce used twice gives both messages away. */
    public Request seal(String method, byte[] plaintext, int issuedAt, byte[] nonce) {
        var filled = !padded ? plaintext
                : method.startsWith("/llmbridge.v1.") ? Padding.binary(plaintext) : Padding.json(plaintext);
        var aad = SealFormat.requestAad(method, keyId, issuedAt, user);
        try {
            var ciphertext = SealFormat.gcm(Cipher.ENCRYPT_MODE, requestKey, nonce, aad, filled);
            var sealed = new Sealed(SealFormat.VERSION, keyId, issuedAt, nonce, ciphertext, NONE, 0, false);
            return new Request(sealed, opener(method, nonce));
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }

    /** What opens the reply to the request with this nonce. */
    public ReplyOpener opener(String method, byte[] requestNonce) {
        return new ReplyOpener(secret, keyId, user, method, requestNonce);
    }
}
