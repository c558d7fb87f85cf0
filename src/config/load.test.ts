// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what these tests are about.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorsOf, inTemporaryDirectory, loadText } from './testing/load-text.ts';

const SIM = 'providers: { sim: { type: simulator } }\n';

describe('a configuration file', () => {
  it('is completed with defaults in plain numbers', () => {
    const { config, warnings } = loadText(SIM);
    expect(config.server).toMatchObject({ host: '127.0.0.1', port: 8080, max_request_bytes: 10_485_760 });
    expect(config.server.drain_timeout).toBe(25_000);
    expect(config.balancer.timeouts).toEqual({
      connect: 3000,
      connection_age: 300000,
      first_token: 30_000,
      idle: 30_000,
      total: 600_000,
    });
    expect(config.rate_limit.on_outage).toEqual({ global: 'local', user: 'local', ip: 'open', model: 'local' });
    expect(config.security.anonymous).toBe('auto');
    expect(warnings).toEqual([]);
  });

  it('is frozen to the bottom', () => {
    const { config } = loadText(`${SIM}models: [{ name: a, targets: [{ provider: sim, model: m }] }]`);
    const target = config.models[0]?.targets[0] as { weight: number };
    expect(target.weight).toBe(1);
    expect(() => {
      target.weight = 2;
    }).toThrow(TypeError);
    expect(Object.isFrozen(config.providers['sim']?.headers)).toBe(true);
  });

  it('takes a key with nothing after it as none', () => {
    const { config } = loadText(
      `${SIM}server: { port: , tls: { cert: , key: } }\nrate_limit:\nsecurity: { jwt: { issuer: } }`,
    );
    expect(config.server.port).toBe(8080);
    expect(config.server.tls).toEqual({});
  });

  it('is told everything that is wrong with it at once, each with its place', () => {
    const text = [
      'server:',
      '  prot: 9000',
      '  port: many',
      '  headers_timeout: 3',
      'providers:',
      '  cloud: { type: clod }',
      '  sim: { type: simulator, regoin: x }',
      '  own: { type: own-server, base_url: "ftp://x" }',
      '  bad name: { type: simulator }',
      'models:',
      '  - name: a',
      '    targets: [{ provider: clud, model: m }, { provider: sim }]',
      '  - { name: a, targets: [] }',
      'security: { trusted_proxies: [10.0.0.1], anonymous: maybe }',
    ].join('\n');
    expect(errorsOf(text)).toEqual([
      '2:3: server.prot: unknown key; did you mean port?',
      '3:9: server.port: must be a number, not text',
      '4:20: server.headers_timeout: must be a duration such as 300ms, 3s, 5m, not 3',
      '6:18: providers.cloud.type: must be one of: cloud, own-server, regional, simulator',
      '7:27: providers.sim.regoin: unknown key',
      '8:8: providers.own.region: is missing; it must be text',
      '8:38: providers.own.base_url: must be an http or https URL without credentials, query or fragment',
      '9:3: providers.bad name: a provider name has letters, digits, dots, dashes and underscores only',
      '12:27: models[0].targets[0].provider: there is no provider "clud"; did you mean cloud?',
      '12:45: models[0].targets[1].model: is missing; it must be text',
      '13:13: models[1].name: "a" is there already',
      '13:25: models[1].targets: a route needs a target',
      '14:31: security.trusted_proxies[0]: must be a CIDR such as 10.0.0.0/8',
      '14:53: security.anonymous: must be auto, true or false',
    ]);
  });

  it.each([
    ['a: [', '1:5'],
    [`${SIM}server: {}\nserver: {}`, '3:1'],
    ['- a', '1:1'],
    ['providers: !custom x', '1:12'],
  ])('that is no YAML map is refused: %j', (text, place) => {
    expect(errorsOf(text)[0]).toMatch(new RegExp(`^${place}: `));
  });

  it('needs a provider', () => {
    expect(errorsOf('')).toEqual(['1:1: providers: is missing; it must be a map']);
    expect(errorsOf('providers: {}')).toEqual(['1:12: providers: must have at least one provider']);
  });

  it('needs a base_url where the type has none', () => {
    expect(errorsOf('providers: { own: { type: own-server, region: eu } }')).toEqual([
      '1:19: providers.own: a provider of type own-server needs a base_url',
    ]);
  });

  it('may leave the address to the options of the type', () => {
    const { config } = loadText('providers: { r: { type: regional, region: eu } }');
    expect(config.providers['r']?.base_url).toBe('https://eu.example.com');
    expect(errorsOf('providers: { r: { type: regional } }')).toEqual([
      '1:17: providers.r: a provider of type regional needs region or a base_url',
    ]);
    expect(errorsOf('providers: { r: { type: regional, region: "a b" } }')[0]).toMatch(/its options make no address/);
  });

  it('may set for one route or provider what stands for all, without the defaults of the rest', () => {
    const { config } = loadText(
      'providers: { s: { type: simulator, timeouts: { idle: 1s } } }\nmodels: [{ name: a, targets: [{ provider: s, model: m }], retry: { max: 0 } }]',
    );
    expect(config.providers['s']?.timeouts).toEqual({ idle: 1000 });
    expect(config.providers['s']?.options).toEqual({});
    expect(config.models[0]?.retry).toEqual({ max: 0 });
    expect(config.models[0]?.timeouts).toBeUndefined();
  });

  it('may use anchors', () => {
    const { config } = loadText('providers: { a: &x { type: simulator, models: [m] }, b: *x }');
    expect(config.providers['b']?.models).toEqual(['m']);
  });

  it('that is not there is refused', () => {
    expect(() => inTemporaryDirectory((directory) => loadText(`server: { tls: { cert: ${directory}/no } }`))).toThrow(
      /server\.tls\.cert: cannot read .*: ENOENT/,
    );
  });

  it('gives a provider its options, lower-case headers and address', () => {
    const { config } = loadText(
      'providers: { own: { type: own-server, region: eu, base_url: "http://h:1/v1/", headers: { X-Team: a } } }',
    );
    expect(config.providers['own']).toEqual({
      name: 'own',
      type: 'own-server',
      base_url: 'http://h:1/v1',
      api_keys: [],
      http_client: 'native',
      headers: { 'x-team': 'a' },
      models: [],
      options: { region: 'eu' },
      disabled: undefined,
    });
  });
});

describe('a provider without its key', () => {
  const disabled = (text: string, env = {}) => loadText(text, env).config.providers['c']?.disabled;

  it('is disabled, and says which variable to set', () => {
    expect(disabled('providers: { c: { type: cloud } }')).toBe('provider c has no API key: set CLOUD_API_KEY');
    expect(disabled('providers: { c: { type: cloud, api_keys: ["${MY_KEY:-}"] } }')).toMatch(/set MY_KEY$/);
    expect(disabled('providers: { c: { type: cloud, api_keys: ["${MY_KEY}"] } }')).toMatch(/set MY_KEY$/);
    expect(disabled('providers: { c: { type: cloud, api_keys: [] } }')).toMatch(/LLMBRIDGE_PROVIDERS__C__API_KEYS/);
    expect(disabled('providers: { c: { type: own-server, region: a, base_url: "http://a" } }')).toBeUndefined();
    expect(disabled('providers: { c: { type: cloud, identity: {} } }')).toBeUndefined();
  });

  it('takes the usual variable, but only towards the usual address', () => {
    const env = { CLOUD_API_KEY: 'k' };
    expect(loadText('providers: { c: { type: cloud } }', env).config.providers['c']?.api_keys).toEqual(['k']);
    const elsewhere = loadText('providers: { c: { type: cloud, base_url: "http://elsewhere" } }', env).config;
    expect(elsewhere.providers['c']?.api_keys).toEqual([]);
    expect(elsewhere.providers['c']?.disabled).toMatch(/LLMBRIDGE_PROVIDERS__C__API_KEYS, or CLOUD_API_KEY/);
  });
});

describe('secrets', () => {
  it('may come from a file', () => {
    inTemporaryDirectory((directory) => {
      writeFileSync(join(directory, 'key'), 'from-file\n');
      const text = `providers: { c: { type: cloud, api_keys: [{ file: "${directory}/key" }] } }`;
      expect(loadText(text).config.providers['c']?.api_keys).toEqual(['from-file']);
      expect(errorsOf(text.replace('/key', '/none'))[0]).toMatch(/api_keys\[0\]: cannot read .*: ENOENT/);
    });
  });

  it('are never in an error', () => {
    const text =
      'providers: { c: { type: cloud, api_keys: sk-secret, headers: { "a b": sk-secret } } }\nredis: { url: sk-secret }';
    const errors = errorsOf(text);
    expect(errors).toHaveLength(3);
    expect(errors.join()).not.toContain('sk-secret');
    expect(errorsOf('a: "sk-secret').join()).not.toContain('sk-secret');
  });
});

describe('settings that this build does not act on', () => {
  it('are warned of where it is safe', () => {
    const text = `${SIM}monitoring: { tracing: { otlp_endpoint: "http://127.0.0.1:4318" } }`;
    expect(loadText(text).warnings).toEqual([
      { path: 'monitoring.tracing.otlp_endpoint', message: 'it is set, but this build sends no spans' },
    ]);
  });
});

describe('limits', () => {
  it('of money and of models', () => {
    const { config } = loadText(
      `${SIM}rate_limit: { models: { fast: { requests: 9/m } }, user: { budget: 5usd/d, overrides: { a: { budget: 0.5usd/h, models: { fast: { budget: 1usd/h } } } } } }`,
    );
    expect(config.rate_limit.user).toMatchObject({
      budget: { usd: 5, windowMs: 86_400_000 },
      overrides: { a: { budget: { usd: 0.5, windowMs: 3_600_000 }, models: { fast: { budget: { usd: 1 } } } } },
    });
    expect(errorsOf(`${SIM}rate_limit: { global: { budget: 2000000usd/d } }`)).toEqual([
      expect.stringMatching(/rate_limit\.global\.budget: must be from 0\.000001usd to 1000000usd/),
    ]);
    expect(errorsOf(`${SIM}rate_limit: { models: { fast: { burst: 3 } } }`)).toEqual([
      expect.stringMatching(/rate_limit\.models\.fast\.burst: a burst is of requests/),
    ]);
  });

  it.each([
    ['sealing', 'sealed'],
    ['request_signing', 'signed'],
  ])('in memory beside a shared store would let a call in twice: %s', (group, which) => {
    const keys = `security: { ${group}: { keys: [{ id: k, secret: "${'00'.repeat(32)}" }] } }`;
    const redis = 'redis: { url: "redis://127.0.0.1:1" }';
    expect(errorsOf(`${SIM}${keys}\n${redis}\nrate_limit: { store: memory }`)).toEqual([
      expect.stringContaining(`rate_limit.store: ${which} calls are remembered where limits are`),
    ]);
    expect(loadText(`${SIM}${keys}\n${redis}`).config.redis.url).toBeDefined();
  });
});

describe('warnings', () => {
  it('tell of a port that nobody may call', () => {
    expect(loadText(`${SIM}server: { host: 0.0.0.0 }`).warnings[0]?.path).toBe('security.anonymous');
    expect(loadText(`${SIM}server: { host: 0.0.0.0 }\nsecurity: { anonymous: true }`).warnings).toEqual([]);
  });
});
