import type { ListedModel } from '../../kernel/model-listing.ts';
import { isObject, type JsonObject, malformed, parseObject, utf8 } from './json-body.ts';

/** The models of a list under `models`, each as `read` has it; undefined leaves one out. */
export function listedModels(body: Uint8Array, read: (model: JsonObject) => ListedModel | undefined): ListedModel[] {
  const { models } = parseObject(utf8(body));
  if (!Array.isArray(models)) throw malformed('a list of models without models');
  return models.filter(isObject).flatMap((model) => {
    const listed = read(model);
    return listed === undefined || listed.id === '' ? [] : [listed];
  });
}
