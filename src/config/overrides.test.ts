// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what these tests are about.
import { describe, expect, it } from 'vitest';
import { errorsOf, loadText } from './testing/load-text.ts';

const FILE =
  'providers: { my-sim: { type: simulator } }\nmodels: [{ name: a, targets: [{ provider: my-sim, model: m }] }]';
const load = (env: Record<string, string>) => loadText(FILE, env).config;

describe('LLMBRIDGE_ variables', () => {
  it('override values of every kind', () => {
    const config = load({
      LLMBRIDGE_SERVER__PORT: '9000',
      LLMBRIDGE_SERVER__HOST: '10',
      LLMBRIDGE_SERVER__DRAIN_TIMEOUT: '5s',
      LLMBRIDGE_SERVER__REFLECTION: 'false',
      LLMBRIDGE_SECURITY__ANONYMOUS: 'true',
      LLMBRIDGE_SECURITY__TRUSTED_PROXIES: '["10.0.0.0/8"]',
    });
    expect(config.server).toMatchObject({ port: 9000, host: '10', drain_timeout: 5000, reflection: false });
    expect(config.security).toMatchObject({ anonymous: true, trusted_proxies: ['10.0.0.0/8'] });
  });

  it('match names without regard to case, with _ for -', () => {
    expect(load({ llmbridge_Providers__MY_SIM__models: '["x"]' }).providers['my-sim']?.models).toEqual(['x']);
  });

  it('reach into lists, and make new entries of maps', () => {
    const config = load({ LLMBRIDGE_MODELS__0__NAME: 'b', LLMBRIDGE_PROVIDERS__OTHER__TYPE: 'simulator' });
    expect(config.models[0]?.name).toBe('b');
    expect(config.providers['other']?.type).toBe('simulator');
  });

  it('set wide paths before narrow ones', () => {
    const env = { LLMBRIDGE_SERVER__PORT: '1', LLMBRIDGE_SERVER: '{"port": 2, "host": "::1"}' };
    expect(load(env).server).toMatchObject({ port: 1, host: '::1' });
  });

  it('set nothing when empty', () => {
    expect(load({ LLMBRIDGE_SERVER__PORT: '' }).server.port).toBe(8080);
  });

  it('are not read for ${...}', () => {
    expect(load({ LLMBRIDGE_SERVER__HOST: '${HOME}', HOME: '/root' }).server.host).toBe('${HOME}');
  });

  it('are refused where they name nothing, with the nearest name', () => {
    expect(
      errorsOf(FILE, { LLMBRIDGE_SERVER__PROT: '1', LLMBRIDGE_SERVER__PORT__X: '1', LLMBRIDGE_CONFG: 'x' }),
    ).toEqual([
      'LLMBRIDGE_CONFG: there is no such setting; did you mean LLMBRIDGE_CONFIG?',
      expect.stringMatching(
        /^LLMBRIDGE_SERVER__PORT__X: there is no such setting; did you mean LLMBRIDGE_SERVER__PORT\?/,
      ),
      'LLMBRIDGE_SERVER__PROT: there is no such setting; did you mean LLMBRIDGE_SERVER__PORT?',
    ]);
  });

  it('are named in the errors of their values', () => {
    expect(
      errorsOf(FILE, { LLMBRIDGE_SERVER__PORT: 'x', LLMBRIDGE_MODELS: '[', LLMBRIDGE_REDIS: '{"uri": 1}' }),
    ).toEqual([
      'LLMBRIDGE_MODELS: models: must be JSON: a list or map is written so in the environment',
      'LLMBRIDGE_REDIS: redis.uri: unknown key; did you mean url?',
      'LLMBRIDGE_SERVER__PORT: server.port: must be a number, not text',
    ]);
  });

  it('may not be there twice', () => {
    expect(errorsOf(FILE, { LLMBRIDGE_SERVER__PORT: '1', llmbridge_server__port: '2' })).toEqual([
      'llmbridge_server__port: server.port: is set by LLMBRIDGE_SERVER__PORT too',
    ]);
  });

  it('of a Kubernetes service are left alone', () => {
    expect(errorsOf(FILE, { LLMBRIDGE_PORT: 'tcp://10.0.0.1:8080', LLMBRIDGE_PORT_8080_TCP_ADDR: '10.0.0.1' })).toEqual(
      [],
    );
    expect(errorsOf(FILE, { LLMBRIDGE_SERVICE_PORT_HTTP: '8080' })).toEqual([]);
  });
});
