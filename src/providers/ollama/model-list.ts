import type { ModelListApi } from '../../kernel/model-listing.ts';
import { text } from '../shared/json-body.ts';
import { listedModels } from '../shared/listed-models.ts';

/** `GET /api/tags` (Ollama's API, "List models"): what is on the server. */
export const modelList = (
  path: string,
  headersOf: (apiKey: string) => Readonly<Record<string, string>>,
): ModelListApi => ({
  request: (apiKey) => ({ method: 'GET', path, headers: headersOf(apiKey), body: '' }),
  decode: (body) => listedModels(body, (model) => ({ id: text(model['model']) || text(model['name']) })),
});
