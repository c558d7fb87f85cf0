package llmbridge.sealing;

/** A reply is not what the gateway sealed for this request: changed, cut, reordered, or not sealed at all. */
public final class SealException extends RuntimeException {
    private static final long serialVersionUID = 1;

    SealException(String what) {
        super(what);
    }
}
