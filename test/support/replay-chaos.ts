import { createHash, randomBytes } from 'node:crypto';
import { startLimitedGateways } from './limited-gateways.ts';
import type { Fault } from './limits-chaos.ts';
import { SealedCaller } from './sealed-caller.ts';

/** What came of sealed calls that were each sent again and again, by the reason of each answer; `ok` for those that were served. */
export interface ReplayReport {
  readonly first: Readonly<Record<string, number>>;
  readonly again: Readonly<Record<string, number>>;
  /** Sealed calls that were served more than once. */
  readonly servedTwice: number;
  /** From the end of each fault until a new sealed call was served, in milliseconds. */
  readonly servedAfterMs: readonly number[];
}

interface Sent {
  readonly body: string;
  readonly nonce: Uint8Array;
  served: number;
}

interface ErrorJson {
  readonly error?: { readonly code: string };
}
interface SealedJson {
  readonly version: number;
  readonly key_id: string;
  readonly issued_at: number;
  readonly nonce: string;
  readonly ciphertext: string;
  readonly salt?: string;
  readonly sequence?: number;
  readonly last?: boolean;
}

const method = '/v1/chat/completions';
/** Calls that are sent again together when the trouble is over. */
const atOnce = 16;
const key = 'llmb-replay-test';
const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Sealed calls at two gateways, each sent again through the other, while the store that they share is treated badly. */
export async function runReplayChaos(redis: string, faults: readonly Fault[], lastsMs: number): Promise<ReplayReport> {
  const secret = randomBytes(32);
  const gateways = await startLimitedGateways(
    `redis: ${redis}
security:
  api_keys: [{ name: laptop, user: alice, sha256: ${createHash('sha256').update(key).digest('hex')} }]
  sealing: { keys: [{ id: k1, secret: "${secret.toString('base64')}" }] }`,
    2,
  );
  const alice = new SealedCaller(secret, 'k1', 'alice');
  const plaintext = new TextEncoder().encode(
    JSON.stringify({ model: 'up/sim', messages: [{ role: 'user', content: 'Once only' }] }),
  );
  const seal = async (): Promise<Sent> => {
    const { version, keyId, issuedAt, nonce, ciphertext } = await alice.seal(method, plaintext);
    const sealed = {
      version,
      key_id: keyId,
      issued_at: issuedAt,
      nonce: base64url(nonce),
      ciphertext: base64url(ciphertext),
    };
    return { body: JSON.stringify({ sealed }), nonce, served: 0 };
  };
  const send = async (sent: Sent, gateway: number): Promise<string> => {
    const response = await fetch(`${gateways.at(gateway).url}${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': key },
      body: sent.body,
    });
    const whole = (await response.json()) as ErrorJson & { sealed?: SealedJson };
    if (response.ok) {
      sent.served++;
      return 'ok';
    }
    if (whole.sealed === undefined) return whole.error?.code ?? String(response.status);
    // What is refused after it was opened is told under its seal.
    const { sealed } = whole;
    const opened = await alice.reply(method, sent.nonce).open({
      version: sealed.version,
      keyId: sealed.key_id,
      issuedAt: sealed.issued_at,
      nonce: Buffer.from(sealed.nonce, 'base64url'),
      ciphertext: Buffer.from(sealed.ciphertext, 'base64url'),
      salt: Buffer.from(sealed.salt ?? '', 'base64url'),
      sequence: sealed.sequence ?? 0,
      last: sealed.last ?? false,
    });
    return (JSON.parse(new TextDecoder().decode(opened)) as ErrorJson).error?.code ?? String(response.status);
  };

  const all: Sent[] = [];
  const first: Record<string, number> = {};
  const again: Record<string, number> = {};
  const count = (tally: Record<string, number>, reason: string) => {
    tally[reason] = (tally[reason] ?? 0) + 1;
  };
  const flying = new Set<Promise<unknown>>();
  const fly = (call: Promise<unknown>) => {
    const ended = call.finally(() => flying.delete(ended));
    flying.add(ended);
  };
  let turn = 0;
  let lastServedAt = 0;
  const fresh = async (i: number) => {
    const sent = await seal();
    all.push(sent);
    const reason = await send(sent, i % 2);
    if (reason === 'ok') lastServedAt = performance.now();
    count(first, reason);
    // At once through the other, which may know no better.
    count(again, await send(sent, (i + 1) % 2));
  };
  const timer = setInterval(() => {
    turn++;
    fly(fresh(turn));
    // One of the last, and any.
    for (const old of [all.at(-1 - (turn % 20)), all[Math.floor(Math.random() * all.length)]])
      if (old !== undefined) fly(send(old, turn % 2).then((reason) => count(again, reason)));
  }, 40);
  const servedAfterMs: number[] = [];
  const servedSince = async (from: number) => {
    while (lastServedAt < from) {
      if (performance.now() - from > 30_000) throw new Error('no sealed call was served for 30 s');
      await sleep(20);
    }
  };
  try {
    await servedSince(performance.now());
    for (const fault of faults) {
      await fault.begin();
      await sleep(lastsMs);
      await fault.end();
      const ended = performance.now();
      await servedSince(ended);
      servedAfterMs.push(Math.round(lastServedAt - ended));
      await sleep(500);
    }
    clearInterval(timer);
    await Promise.all(flying);
    // And all of them once more, when the trouble is over.
    for (let i = 0; i < all.length; i += atOnce)
      for (const reason of await Promise.all(all.slice(i, i + atOnce).map((sent) => send(sent, 0))))
        count(again, reason);
  } finally {
    clearInterval(timer);
    await Promise.allSettled(flying);
    await gateways.stop();
  }
  return { first, again, servedTwice: all.filter(({ served }) => served > 1).length, servedAfterMs };
}
