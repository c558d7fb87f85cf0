import type { ListedModel, ModelListApi } from '../../kernel/model-listing.ts';
import { count, type JsonObject, list, text } from '../shared/json-body.ts';
import { listedModels } from '../shared/listed-models.ts';

/** `GET /v1/models` (Cohere's API, "List models"): those for chat, all on one page. */
export const modelList = (
  path: string,
  headersOf: (apiKey: string) => Readonly<Record<string, string>>,
): ModelListApi => ({
  request: (apiKey) => ({
    method: 'GET',
    path: `${path}?endpoint=chat&page_size=1000`,
    headers: headersOf(apiKey),
    body: '',
  }),
  decode: (body) => listedModels(body, read),
});

/** Features by the contract's names. */
const known: Readonly<Record<string, string>> = { tools: 'tools', json_schema: 'json_schema', reasoning: 'reasoning' };

function read(model: JsonObject): ListedModel | undefined {
  if (model['is_deprecated'] === true) return undefined;
  const contextLength = count(model['context_length']);
  const features = list(model['features']).map(text);
  const capabilities = features.flatMap((feature) => known[feature] ?? []);
  return {
    id: text(model['name']),
    ...(contextLength && { contextLength }),
    ...(features.length > 0 && { capabilities }),
    ...(features.includes('vision') && { inputModalities: ['text', 'image'] }),
  };
}
