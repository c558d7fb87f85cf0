import type {
  ListModelsResponse,
  Model,
  ModelPricing,
  ModelTarget,
} from '../../../gen/es/llmbridge/v1/model_service_pb.ts';
import {
  countMember,
  listMember,
  object,
  positiveMember,
  quote,
  stringMember,
  trueMember,
} from './openai/json-writer.ts';

/** OpenAI's `model` object, and what this project knows beyond it under the proto's names, zero fields left out. */
export const modelJson = (model: Model): string =>
  object(
    `"id":${quote(model.id)},"object":"model","created":${model.created},"owned_by":${quote(model.ownedBy)},` +
      stringMember('display_name', model.displayName) +
      positiveMember('context_length', model.contextLength) +
      positiveMember('max_output_tokens', model.maxOutputTokens) +
      listMember('input_modalities', model.inputModalities.map(quote)) +
      listMember('output_modalities', model.outputModalities.map(quote)) +
      listMember('capabilities', model.capabilities.map(quote)) +
      (model.pricing === undefined ? '' : `"pricing":${pricingJson(model.pricing)},`) +
      listMember('targets', model.targets.map(targetJson)) +
      trueMember('simulated', model.simulated),
  );

const pricingJson = (pricing: ModelPricing): string =>
  object(
    countMember('prompt', pricing.prompt) +
      countMember('completion', pricing.completion) +
      countMember('cached_prompt', pricing.cachedPrompt) +
      countMember('cache_write', pricing.cacheWrite),
  );

const targetJson = ({ provider, model }: ModelTarget): string =>
  `{"provider":${quote(provider)},"model":${quote(model)}}`;

export const modelsJson = ({ models }: ListModelsResponse): string =>
  `{"object":"list","data":[${models.map(modelJson).join(',')}]}`;
