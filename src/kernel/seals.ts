import type { SealedPayload } from '../../gen/es/llmbridge/v1/sealed_pb.ts';
import type { Call } from './call.ts';

/** A sealed request that was opened. */
export interface OpenedSeal {
  readonly plaintext: Buffer;
  /** Seals the next message of its reply; the last one is marked, and nothing follows it. */
  seal(plaintext: Uint8Array, last: boolean): SealedPayload;
}

/** Opens what callers sealed. */
export interface Seals {
  /**
   * Opens a request to `method` (docs/sealing.md says which name each surface has), and leaves what it must be the first
   * to claim in the call. Throws SEAL_INVALID for whatever does not verify.
   */
  open(call: Call, sealed: SealedPayload, method: string): Promise<OpenedSeal>;
}
