import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { Call } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import type { Interceptor, Method, Reply } from '../kernel/method.ts';
import type { ClaimRefusal } from '../kernel/nonce-claim.ts';
import type { SigningKeys } from './signing-keys.ts';

export interface RequestSignatureOptions {
  /** Whether signatures count, or are needed. */
  readonly mode: 'optional' | 'required';
  /** Asked anew for each call, so that they may be swapped. Without keys signatures are ignored, unless they are needed. */
  readonly keys: () => SigningKeys;
  /** How old a request may be, in milliseconds. */
  readonly windowMs: number;
}

const invalid = () => new Fault('SIGNATURE_INVALID', 'the request signature is not valid');
const required = () =>
  new Fault('SIGNATURE_REQUIRED', 'chat calls must be signed or sealed here; docs/request-signing.md tells how');
const refusal = (why: ClaimRefusal): Fault =>
  why === 'expired'
    ? new Fault('REQUEST_EXPIRED', 'the signed request is too old, or dated ahead of its time')
    : new Fault('REQUEST_REPLAYED', 'the signed request was received before');

const keyIds = /^[\w.-]{1,64}$/;
const nonces = /^[\w-]{16,64}$/;
const timestamps = /^(?:0|[1-9]\d{0,9})$/;
const signatures = /^[0-9a-fA-F]{64}$/;

const nothing = new Uint8Array(0);
const noMac = Buffer.alloc(32);

/** The path that is signed: the JSON surface has one for both forms of its answer. */
const pathOf = (call: Call): string => (call.protocol === 'http' ? '/v1/chat/completions' : call.method);

/** Sets who signed the call, and what it claims. Throws SIGNATURE_INVALID, whatever is wrong, in the same time. */
function verify(call: Call, keys: SigningKeys, windowMs: number): void {
  const { user } = call.principal;
  const keyId = call.header('x-request-key-id') ?? '';
  const time = call.header('x-request-timestamp') ?? '';
  const nonce = call.header('x-request-nonce') ?? '';
  const signature = call.header('x-request-signature') ?? '';
  const body = call.body;
  const key = keys.find(keyId, user);
  // docs/request-signing.md, "What is signed".
  const text = `llm-bridge-request-v1\nPOST\n${pathOf(call)}\n${keyId}\n${user}\n${time}\n${nonce}\n${hash('sha256', body ?? nothing)}`;
  const expected = createHmac('sha256', key.secret).update(text).digest();
  const wellFormed =
    signatures.test(signature) &&
    keyIds.test(keyId) &&
    timestamps.test(time) &&
    nonces.test(nonce) &&
    // A line of its own within a line would make two texts one.
    !user.includes('\n') &&
    body !== undefined;
  const matches = timingSafeEqual(expected, wellFormed ? Buffer.from(signature, 'hex') : noMac);
  if (!matches || !wellFormed || key === keys.nobody) throw invalid();
  call.signedBy = keyId;
  // What is sealed has claimed its nonce already, and can't be sent again under another signature.
  call.claim ??= { claim: { scope: `sign:${keyId}`, nonce, issuedAt: Number(time), windowMs }, refusal };
}

/**
 * Verifies signed chat requests before the method. The nonce is claimed where the limits are taken, in one step; a call
 * that is not signed pays for one look at its headers.
 */
export function createRequestSignatures({ mode, keys, windowMs }: RequestSignatureOptions): Interceptor {
  return (next) => {
    const method = next as Method<unknown, unknown>;
    const handle = (call: Call, request: unknown, reply: Reply<unknown>): Promise<void> => {
      const known = keys();
      if (call.isSigned && (mode === 'required' || !known.empty)) {
        try {
          verify(call, known, windowMs);
        } catch (thrown) {
          return Promise.reject(thrown);
        }
        call.body = undefined;
      } else if (mode === 'required' && call.sealedBy === '') return Promise.reject(required());
      return method(call, request, reply);
    };
    return handle as typeof next;
  };
}
