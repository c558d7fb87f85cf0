import { chooseConfig } from '../config/choose.ts';
import { readEnvironment } from '../config/environment.ts';
import { type TierLimits, userModelName } from '../interceptors/limited-subjects.ts';
import { systemClock } from '../kernel/clock.ts';
import type { Quota, Subject } from '../kernel/rate-limiter.ts';
import { tierLimits } from '../limits.ts';
import { providerTypes } from '../providers/index.ts';
import { connectRedis } from '../stores/redis/connection.ts';
import { namesRedis } from '../stores/redis/place.ts';
import { RedisRateLimiter, type Shown } from '../stores/redis/rate-limiter.ts';
import { parse } from './arguments.ts';
import { Exit, UsageError, type Verb } from './verb.ts';

const usage = `llm-bridge limits show|reset USER [--config FILE]

Tells how much of its limits a user has used, or forgets it all. It asks the Redis that the configuration names;
counts that a gateway keeps in its own memory go with that gateway.

      --ip         USER is an address instead, or the /64 of one, as refusals name it
      --model      USER is a model instead, as rate_limit.models names it: what all callers used of it`;

const usd = (nano: number): string => `${Number((nano / 1e9).toFixed(6))}`;

/** One line for each limit that there is. */
function* standing({ limits }: Subject, shown: Shown): Generator<string> {
  const { requests, tokens, concurrent, budget } = limits;
  const rest = ({ windowMs }: Quota, resetMs: number) =>
    `in ${windowMs / 1_000} s${resetMs === 0 ? '' : `, all of it free in ${Math.ceil(resetMs / 1_000)} s`}`;
  if (requests) yield `requests: ${shown.requests} of ${requests.count} ${rest(requests, shown.requestsResetMs)}`;
  if (tokens) yield `tokens: ${shown.tokens} of ${tokens.count} ${rest(tokens, shown.tokensResetMs)}`;
  if (budget) yield `budget: ${usd(shown.cost)} of ${usd(budget.count)} usd ${rest(budget, shown.costResetMs)}`;
  if (concurrent !== undefined) yield `at once: ${shown.concurrent} of ${concurrent}`;
}

/** What is counted of a user, an address or a model, each with what its lines begin with. */
function* subjectsOf(tiers: TierLimits, kind: 'user' | 'ip' | 'model', name: string): Generator<[string, Subject]> {
  const { users, user, ip, models, userModels } = tiers;
  const own = kind === 'ip' ? ip : kind === 'model' ? models.get(name) : (users.get(name) ?? user);
  if (own !== undefined) yield ['', { tier: kind, name, limits: own }];
  if (kind !== 'user') return;
  for (const [model, limits] of userModels.get(name) ?? [])
    yield [`${model}: `, { tier: 'user_model', name: userModelName(name, model), limits }];
}

export const limits: Verb = {
  usage,
  async run(args) {
    const { values, positionals } = parse({
      args: [...args],
      options: { config: { type: 'string', short: 'c' }, ip: { type: 'boolean' }, model: { type: 'boolean' } },
      allowPositionals: true,
    });
    const [action, name = ''] = positionals;
    if (
      (action !== 'show' && action !== 'reset') ||
      name === '' ||
      positionals.length > 2 ||
      (values.ip && values.model)
    )
      throw new UsageError('say limits show USER, or limits reset USER');
    const { config } = chooseConfig(values.config, readEnvironment(process.cwd()), providerTypes);
    const { prefix } = config.redis;
    if (!namesRedis(config.redis) || config.rate_limit.store === 'memory') {
      process.stderr.write(
        'llm-bridge: the configuration keeps limits in the memory of each gateway: nobody else can ask\n',
      );
      return Exit.FAILED;
    }
    const kind = values.ip === true ? 'ip' : values.model === true ? 'model' : 'user';
    const subjects = [...subjectsOf(tierLimits(config.rate_limit), kind, name)];
    if (subjects.length === 0) {
      process.stderr.write(`llm-bridge: the configuration sets no limits for ${name}\n`);
      return Exit.FAILED;
    }
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
    const leaseMs = config.rate_limit.lease;
    const store = new RedisRateLimiter({ redis, prefix, leaseMs, epochGuardMs: 0, clock: systemClock });
    try {
      for (const [name, subject] of subjects) {
        if (action === 'reset') await store.reset(subject);
        for (const line of standing(subject, await store.show(subject))) process.stdout.write(`${name}${line}\n`);
      }
      return Exit.OK;
    } finally {
      store.close();
      redis.disconnect();
    }
  },
};
