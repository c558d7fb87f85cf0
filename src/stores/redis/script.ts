import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';

/** A script by its hash; a server that does not know it yet, or no more, is given the text. */
export class Script {
  readonly #source: string;
  readonly #sha: string;

  constructor(source: string) {
    this.#source = source;
    this.#sha = createHash('sha1').update(source).digest('hex');
  }

  /** Gives it to the server before it is needed. */
  load(redis: Redis): void {
    redis.script('LOAD', this.#source).catch(() => {});
  }

  /** One round trip, but for a server that has lost the script. */
  async run(redis: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<number[]> {
    try {
      return (await redis.evalsha(this.#sha, keys.length, ...keys, ...args)) as number[];
    } catch (thrown) {
      if (!(thrown instanceof Error && thrown.message.startsWith('NOSCRIPT'))) throw thrown;
      return (await redis.eval(this.#source, keys.length, ...keys, ...args)) as number[];
    }
  }
}
