package llmbridge.sealing;

/**
 * A sealed message, with the fields of llmbridge.v1.SealedPayload.
 *
 * @param issuedAt Unix seconds, of 32 bits without a sign
 * @param sequence of 32 bits without a sign
 */
public record Sealed(
        int version,
        String keyId,
        int issuedAt,
        byte[] nonce,
        byte[] ciphertext,
        byte[] salt,
        int sequence,
        boolean last) {}
