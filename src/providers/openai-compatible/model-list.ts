import type { ListedModel, ListedPricing, ModelListApi } from '../../kernel/model-listing.ts';
import { count, isObject, type JsonObject, list, malformed, parseObject, text, utf8 } from '../shared/json-body.ts';

/** `GET /models` (OpenAI's API reference, "List models"), with what others of the family tell beside the name. */
export const modelList = (
  basePath: string,
  headersOf: (apiKey: string) => Readonly<Record<string, string>>,
): ModelListApi => ({
  request: (apiKey) => ({
    method: 'GET',
    path: `${basePath}/models`,
    headers: { accept: 'application/json', ...headersOf(apiKey) },
    body: '',
  }),
  decode,
});

function decode(body: Uint8Array): ListedModel[] {
  const json = utf8(body).trim();
  // Together sends the bare list.
  const { data } = parseObject(json.startsWith('[') ? `{"data":${json}}` : json);
  if (!Array.isArray(data)) throw malformed('a list of models without models');
  return data.filter(isObject).filter(answersChat).map(listedModel);
}

/** What says of itself that it does something else (embeddings, sound) is no model to chat with. */
function answersChat(model: JsonObject): boolean {
  if (text(model['id']) === '') return false;
  const type = text(model['type']);
  if (type !== '' && type !== 'model') return /chat|language|text-generation|llm|base|code/.test(type);
  const { supports_chat: chats, capabilities } = model;
  return chats !== false && !(isObject(capabilities) && capabilities['completion_chat'] === false);
}

function listedModel(model: JsonObject): ListedModel {
  const top = objectAt(model, 'top_provider');
  const title = text(model['display_name']) || text(model['name']);
  const created = count(model['created']);
  const contextLength = firstCount(
    model['context_length'],
    model['context_window'],
    model['max_context_length'],
    model['max_model_len'],
    top['context_length'],
    objectAt(model, 'meta')['n_ctx_train'],
  );
  const maxOutputTokens = firstCount(model['max_completion_tokens'], top['max_completion_tokens'], model['max_tokens']);
  const input = inputsOf(model);
  const output = words(objectAt(model, 'architecture')['output_modalities']);
  const capabilities = capabilitiesOf(model);
  const pricing = pricingOf(objectAt(model, 'pricing'));
  return {
    id: text(model['id']),
    ...(title !== '' && { title }),
    ...(created !== undefined && { created }),
    ...(contextLength !== undefined && { contextLength }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(input.length > 0 && { inputModalities: input }),
    ...(output.length > 0 && { outputModalities: output }),
    ...(capabilities.length > 0 && { capabilities }),
    ...(pricing && { pricing }),
  };
}

function inputsOf(model: JsonObject): string[] {
  const told = words(objectAt(model, 'architecture')['input_modalities']);
  if (told.length > 0) return told;
  const sees = model['supports_image_input'] ?? model['supports_image_in'] ?? objectAt(model, 'capabilities')['vision'];
  if (typeof sees !== 'boolean') return [];
  return sees ? ['text', 'image'] : ['text'];
}

/** Names that providers give to what the contract names otherwise. */
const capabilityNames: Readonly<Record<string, string>> = {
  tools: 'tools',
  'tool-use': 'tools',
  function_calling: 'tools',
  reasoning: 'reasoning',
  structured_outputs: 'json_schema',
};

function capabilitiesOf(model: JsonObject): string[] {
  const flags = objectAt(model, 'capabilities');
  const told = [
    ...words(model['supported_parameters']),
    ...words(model['tags']),
    ...Object.keys(flags).filter((name) => flags[name] === true),
    ...(model['supports_tools'] === true ? ['tools'] : []),
  ];
  const known = told.map((name) => capabilityNames[name]).filter((name) => name !== undefined);
  return [...new Set(known)];
}

/** Prices by the token as decimal text (OpenRouter, Vercel), or by the million as numbers (Together). */
function pricingOf(pricing: JsonObject): ListedPricing | undefined {
  const told: readonly (readonly [keyof ListedPricing, unknown])[] = [
    ['prompt', pricing['prompt'] ?? pricing['input']],
    ['completion', pricing['completion'] ?? pricing['output']],
    ['cachedPrompt', pricing['input_cache_read'] ?? pricing['cached_input']],
    ['cacheWrite', pricing['input_cache_write']],
  ];
  const known = told.flatMap(([name, value]) => {
    const price = typeof value === 'string' && value !== '' ? perMillion(Number(value)) : value;
    return typeof price === 'number' && price >= 0 ? [[name, price] as const] : [];
  });
  return known.length > 0 ? Object.fromEntries(known) : undefined;
}

/** Without the noise of binary fractions. */
const perMillion = (perToken: number): number => Number((perToken * 1e6).toPrecision(12));

const objectAt = (object: JsonObject, name: string): JsonObject => {
  const value = object[name];
  return isObject(value) ? value : {};
};

const words = (value: unknown): string[] => list(value).filter((each) => typeof each === 'string');

/** The first that is a count above 0. */
function firstCount(...values: readonly unknown[]): number | undefined {
  for (const value of values) {
    const found = count(value);
    if (found) return found;
  }
  return undefined;
}
