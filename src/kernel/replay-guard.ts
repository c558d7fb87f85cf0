/** What becomes of a claim: it is the first, the nonce was claimed before, or its message is too old or too new. */
export type Claim = 'fresh' | 'replayed' | 'expired';

/** Remembers which sealed requests were taken, so that none is taken twice. */
export interface ReplayGuard {
  /**
   * Claims a nonce of a key for a message that was issued then (Unix seconds), by the store's own clock. Of all claims of
   * one nonce a single one is fresh. Throws ADMISSION_UNAVAILABLE where that can't be promised.
   */
  claim(keyId: string, nonce: Uint8Array, issuedAt: number): Claim | Promise<Claim>;
  /** Takes a fresh claim back, where nothing was done for its message. */
  release(keyId: string, nonce: Uint8Array): void;
}
