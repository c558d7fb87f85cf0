import type { ListedModel, ModelListApi } from '../../kernel/model-listing.ts';
import { count, isObject, type JsonObject, malformed, parseObject, text, utf8 } from '../shared/json-body.ts';

/** `GET /v1/models` (Anthropic's API reference, "List models"): all of them on one page. */
export const modelList = (
  path: string,
  headersOf: (apiKey: string) => Readonly<Record<string, string>>,
): ModelListApi => ({
  request: (apiKey) => ({ method: 'GET', path: `${path}?limit=1000`, headers: headersOf(apiKey), body: '' }),
  decode(body) {
    const { data } = parseObject(utf8(body));
    if (!Array.isArray(data)) throw malformed('a list of models without models');
    return data.filter(isObject).map(listedModel);
  },
});

function listedModel(model: JsonObject): ListedModel {
  const title = text(model['display_name']);
  const created = Date.parse(text(model['created_at'])) / 1000;
  const contextLength = count(model['max_input_tokens']);
  const maxOutputTokens = count(model['max_tokens']);
  return {
    id: text(model['id']),
    ...(title !== '' && { title }),
    // The epoch stands for a date that is not known.
    ...(created > 0 && { created: Math.floor(created) }),
    ...(contextLength && { contextLength }),
    ...(maxOutputTokens && { maxOutputTokens }),
  };
}
