import { describe, expect, test } from 'vitest';
import type { ProviderAdapter } from '../../src/kernel/adapter.ts';
import { providerTypes } from '../../src/providers/index.ts';
import { decodeRequest } from '../../src/transports/http/openai/request.ts';
import { canonicalRequest } from './canonical-request.ts';
import { readCorpus } from './corpus.ts';

type Body = Parameters<typeof canonicalRequest>[0];

const folder = process.env['CORPUS_DIR'];
const recorded = (folder === undefined ? [] : readCorpus(folder)).filter(
  ({ api, request }) => api === 'openai.chat' && request?.body !== undefined && request.body !== null,
);

const typeNames: Readonly<Record<string, string>> = {
  azure: 'azure-openai',
  'vercel-gateway': 'vercel',
  ollama: 'openai-compatible',
};

const adapterOf = (name: string): ProviderAdapter | undefined =>
  providerTypes.find(({ type }) => type === name)?.adapter({ name, basePath: '', headers: {}, options: {} });

/** What is sent of a recorded request, in one spelling, from its text or from the message alone. */
function sent(adapter: ProviderAdapter, body: Body, verbatim: boolean): { body: Body; notes: readonly string[] } {
  const json = JSON.stringify(body);
  const { request, stream } = decodeRequest(Buffer.from(json));
  const encoded = adapter.encode({
    request,
    source: verbatim ? { dialect: 'openai', json } : undefined,
    model: 'asked-for',
    apiKey: 'key',
    stream,
  });
  const text = String(encoded.body);
  expect(JSON.parse(text).model).toBe('asked-for');
  expect(JSON.parse(text).stream).toBe(stream ? true : undefined);
  const options: unknown = JSON.parse(text).stream_options;
  if (!stream) expect(options).toBeUndefined();
  else if (options !== undefined) expect(options).toEqual({ include_usage: true });
  return { body: JSON.parse(text) as Body, notes: encoded.notes.map(({ name }) => name) };
}

/** What an adapter leaves out of the top level or says otherwise, by its own notes. */
function without(body: Body, notes: readonly string[]): Body {
  const noted = new Set(notes.map((name) => name.split(/[.[]/)[0] ?? ''));
  return Object.fromEntries(Object.entries(body).filter(([name]) => !noted.has(name)));
}

describe.skipIf(folder === undefined)('recorded requests reach the provider as they were', () => {
  for (const { name, provider, request } of recorded) {
    const adapter = adapterOf(typeNames[provider] ?? provider);
    if (request === null || adapter === undefined) continue;
    const body = request.body as Body;
    const same = (verbatim: boolean) => {
      const got = sent(adapter, body, verbatim);
      const expected = without(canonicalRequest(body), got.notes);
      expect(without(canonicalRequest(got.body), got.notes)).toEqual(expected);
    };
    test(`${name}, spliced`, () => same(true));
    test(`${name}, encoded anew`, () => same(false));
  }

  test('counts', () => {
    console.log(`recorded requests: ${recorded.length}`);
    expect(recorded.length).toBeGreaterThan(0);
  });
});
