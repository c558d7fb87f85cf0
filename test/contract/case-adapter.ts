import type { ProviderAdapter } from '../../src/kernel/adapter.ts';
import { providerTypes } from '../../src/providers/index.ts';
import type { Case } from './corpus.ts';

const types = new Map(providerTypes.map((type) => [type.type, type]));

/** Corpus folders whose names are not the provider type's. */
const typeNames: Readonly<Record<string, string>> = { azure: 'azure-openai', 'vercel-gateway': 'vercel' };

/** Which of a type's dialects a case is in, where it has several. */
const options: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'openai.responses': { api: 'responses' },
  'openai.chat': { api: 'chat' },
  'anthropic.messages': { publisher: 'anthropic' },
};

const apis = new Set([
  ...Object.keys(options),
  'gemini.generateContent',
  'bedrock.converse',
  'cohere.chat.v2',
  'ollama.chat',
]);

/** The provider type that a case is for, and an instance's options; undefined where there is none for its API. */
export function caseInstance({ provider, api }: Case) {
  const type = apis.has(api) ? types.get(typeNames[provider] ?? provider) : undefined;
  return type && { type, options: options[api] ?? {} };
}

/** The adapter that a case is for; undefined where there is none for its API. */
export function caseAdapter(recorded: Case): ProviderAdapter | undefined {
  const instance = caseInstance(recorded);
  return instance?.type.adapter({ name: instance.type.type, basePath: '', headers: {}, options: instance.options });
}
