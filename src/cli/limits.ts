import { chooseConfig } from '../config/choose.ts';
import { readEnvironment } from '../config/environment.ts';
import { systemClock } from '../kernel/clock.ts';
import type { Subject } from '../kernel/rate-limiter.ts';
import { tierLimits } from '../limits.ts';
import { providerTypes } from '../providers/index.ts';
import { connectRedis, namesRedis } from '../stores/redis/connection.ts';
import { RedisRateLimiter, type Shown } from '../stores/redis/rate-limiter.ts';
import { parse } from './arguments.ts';
import { Exit, UsageError, type Verb } from './verb.ts';

const usage = `llm-bridge limits show|reset USER [--config FILE]

Tells how much of its limits a user has used, or forgets it all. It asks the Redis that the configuration names;
counts that a gateway keeps in its own memory go with that gateway.

      --ip         USER is an address instead, or the /64 of one, as refusals name it`;

/** One line for each limit that there is. */
export function* standing({ limits }: Subject, shown: Shown): Generator<string> {
  const { requests, tokens, concurrent } = limits;
  const resets = (ms: number) => (ms === 0 ? '' : `, all of it free in ${Math.ceil(ms / 1_000)} s`);
  if (requests) {
    yield `requests: ${shown.requests} of ${requests.count} in ${requests.windowMs / 1_000} s${resets(shown.requestsResetMs)}`;
  }
  if (tokens)
    yield `tokens: ${shown.tokens} of ${tokens.count} in ${tokens.windowMs / 1_000} s${resets(shown.tokensResetMs)}`;
  if (concurrent !== undefined) yield `at once: ${shown.concurrent} of ${concurrent}`;
}

export const limits: Verb = {
  usage,
  async run(args) {
    const { values, positionals } = parse({
      args: [...args],
      options: { config: { type: 'string', short: 'c' }, ip: { type: 'boolean' } },
      allowPositionals: true,
    });
    const [action, name = ''] = positionals;
    if ((action !== 'show' && action !== 'reset') || name === '' || positionals.length > 2)
      throw new UsageError('say limits show USER, or limits reset USER');
    const { config } = chooseConfig(values.config, readEnvironment(process.cwd()), providerTypes);
    const { prefix } = config.redis;
    if (!namesRedis(config.redis) || config.rate_limit.store === 'memory') {
      process.stderr.write(
        'llm-bridge: the configuration keeps limits in the memory of each gateway: nobody else can ask\n',
      );
      return Exit.FAILED;
    }
    const { users, user, ip } = tierLimits(config.rate_limit);
    const own = values.ip === true ? ip : (users.get(name) ?? user);
    if (own === undefined) {
      process.stderr.write(`llm-bridge: the configuration sets no limits for ${name}\n`);
      return Exit.FAILED;
    }
    const subject: Subject = { tier: values.ip === true ? 'ip' : 'user', name, limits: own };
    const ready = Promise.withResolvers<void>();
    const redis = connectRedis({
      ...config.redis,
      key: `${prefix}{limits}`,
      failed: ready.reject,
      ready: () => ready.resolve(),
    });
    try {
      await ready.promise;
    } catch (thrown) {
      redis.disconnect();
      const { message, code } = thrown as NodeJS.ErrnoException;
      process.stderr.write(`llm-bridge: redis cannot be asked: ${code ?? message}\n`);
      return Exit.UNAVAILABLE;
    }
    const store = new RedisRateLimiter({ redis, prefix, leaseMs: config.rate_limit.lease, clock: systemClock });
    try {
      if (action === 'reset') await store.reset(subject);
      for (const line of standing(subject, await store.show(subject))) process.stdout.write(`${line}\n`);
      return Exit.OK;
    } finally {
      store.close();
      redis.disconnect();
    }
  },
};
