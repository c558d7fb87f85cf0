import type { ListedModel, ModelListApi } from '../../kernel/model-listing.ts';
import { count, type JsonObject, list, text } from '../shared/json-body.ts';
import { listedModels } from '../shared/listed-models.ts';

/** `GET /v1beta/models` (API reference, "Models"): those that generate content, all on one page. */
export const modelList = (
  path: string,
  headersOf: (apiKey: string) => Readonly<Record<string, string>>,
): ModelListApi => ({
  request: (apiKey) => ({ method: 'GET', path: `${path}?pageSize=1000`, headers: headersOf(apiKey), body: '' }),
  decode: (body) => listedModels(body, read),
});

function read(model: JsonObject): ListedModel | undefined {
  if (!list(model['supportedGenerationMethods']).includes('generateContent')) return undefined;
  const title = text(model['displayName']);
  const contextLength = count(model['inputTokenLimit']);
  const maxOutputTokens = count(model['outputTokenLimit']);
  return {
    id: text(model['name']).replace(/^models\//, ''),
    ...(title !== '' && { title }),
    ...(contextLength && { contextLength }),
    ...(maxOutputTokens && { maxOutputTokens }),
    ...(model['thinking'] === true && { capabilities: ['reasoning'] }),
  };
}
