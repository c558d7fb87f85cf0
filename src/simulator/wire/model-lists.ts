import type { Dialect } from '../dialect.ts';
import { gemini } from './gemini.ts';
import { ollama } from './ollama.ts';
import { openai } from './openai.ts';

const CONTEXT = 200_000;
const CREATED = '2026-01-01T00:00:00Z';

/** A list of models in a dialect, and one of them. */
interface ModelList {
  /** Ends with the path of the list; one model's name may follow behind a slash. */
  readonly path: RegExp;
  /** Whose errors it makes. */
  readonly dialect: Dialect;
  list(names: readonly string[]): object;
  one(name: string): object;
}

/** A model as OpenAI's, Anthropic's and Cohere's clients read it: they ask the same path. */
const plain = (name: string) => ({
  id: name,
  object: 'model',
  created: 0,
  owned_by: 'simulator',
  type: 'model',
  display_name: name,
  created_at: CREATED,
});

const cohereModel = (name: string) => ({ name, endpoints: ['chat'], context_length: CONTEXT });

const geminiModel = (name: string) => ({
  name: `models/${name}`,
  displayName: name,
  inputTokenLimit: CONTEXT,
  outputTokenLimit: CONTEXT,
  supportedGenerationMethods: ['generateContent'],
});

const ollamaModel = (name: string) => ({
  name,
  model: name,
  modified_at: CREATED,
  size: 0,
  digest: '',
  details: { format: 'simulated', family: 'simulator', parameter_size: '0B' },
});

const bedrockModel = (name: string) => ({
  modelId: name,
  modelName: name,
  providerName: 'simulator',
  inputModalities: ['TEXT', 'IMAGE'],
  outputModalities: ['TEXT'],
  responseStreamingSupported: true,
});

const lists: readonly ModelList[] = [
  {
    path: /\/v1beta\/models(?:\/([^/]+))?$/,
    dialect: gemini,
    list: (names) => ({ models: names.map(geminiModel) }),
    one: geminiModel,
  },
  {
    path: /\/api\/tags$/,
    dialect: ollama,
    list: (names) => ({ models: names.map(ollamaModel) }),
    one: ollamaModel,
  },
  {
    path: /\/foundation-models$/,
    dialect: openai,
    list: (names) => ({ modelSummaries: names.map(bedrockModel) }),
    one: bedrockModel,
  },
  {
    path: /\/models(?:\/(.+))?$/,
    dialect: openai,
    list: (names) => ({
      object: 'list',
      data: names.map(plain),
      has_more: false,
      first_id: names.at(0) ?? null,
      last_id: names.at(-1) ?? null,
      models: names.map(cohereModel),
    }),
    one: plain,
  },
];

/** What a path asks of the models: all of them, or one, in which dialect; undefined where it asks for none. */
export function modelList(path: string): { readonly list: ModelList; readonly name: string | undefined } | undefined {
  for (const list of lists) {
    const found = list.path.exec(path);
    if (found === null) continue;
    return { list, name: found[1] === undefined ? undefined : decodeURIComponent(found[1]) };
  }
  return undefined;
}
