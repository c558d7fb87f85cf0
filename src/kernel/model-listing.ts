import type { HttpRequest } from './upstream.ts';

/** A model as its provider lists it. What is missing is not known. */
export interface ListedModel {
  /** The provider's own name of it. */
  readonly id: string;
  /** A name for people. */
  readonly title?: string;
  /** Unix seconds. */
  readonly created?: number;
  /** The most tokens of prompt and answer together. */
  readonly contextLength?: number;
  /** The most tokens of an answer. */
  readonly maxOutputTokens?: number;
  /** 'text', 'image', 'audio', 'video', 'file'. */
  readonly inputModalities?: readonly string[];
  readonly outputModalities?: readonly string[];
  /** 'tools', 'reasoning', 'json_schema', 'streaming'. */
  readonly capabilities?: readonly string[];
  readonly pricing?: ListedPricing;
}

/** US dollars per million tokens. */
export interface ListedPricing {
  readonly prompt?: number;
  readonly completion?: number;
  readonly cachedPrompt?: number;
  readonly cacheWrite?: number;
}

/** How a provider is asked for its models. */
export interface ModelListApi {
  request(apiKey: string): HttpRequest;
  /** The whole body of a 2xx answer. Throws PROVIDER_MALFORMED for nonsense. */
  decode(body: Uint8Array): readonly ListedModel[];
}

/** The models that a provider said it has, as it said last; empty until it did. */
export class ModelListing {
  /** Counts the lists that came. */
  version = 0;
  #models: ReadonlyMap<string, ListedModel> = new Map();

  get models(): ReadonlyMap<string, ListedModel> {
    return this.#models;
  }

  replace(models: readonly ListedModel[]): void {
    this.#models = new Map(models.map((model) => [model.id, model]));
    this.version++;
  }
}
