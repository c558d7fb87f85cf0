import { create } from '@bufbuild/protobuf';
import { type Model, ModelPricingSchema, ModelSchema } from '../../gen/es/llmbridge/v1/model_service_pb.ts';
import { Fault } from '../kernel/fault.ts';
import type { ListedModel, ListedPricing } from '../kernel/model-listing.ts';
import { type Provider, type ProviderType, type Route, whoHas } from '../kernel/provider.ts';

/** What the configuration offers, by name. */
export interface ModelCatalogOptions {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly routes: ReadonlyMap<string, Route>;
  /** What a model of a provider type is known to cost. */
  readonly priceOf?: PriceOf;
}

export type Pricing = ListedPricing & { readonly contextLength?: number };
export type PriceOf = (type: ProviderType, model: string) => Pricing | undefined;

/** The models that can be asked for. */
export interface ModelCatalog {
  /** Routes first, then each provider's models as 'provider/model'. */
  readonly models: readonly Model[];
  /** Models under their bare name, where just one provider lists them. */
  readonly aliases: ReadonlyMap<string, Model>;
  hasProvider(name: string): boolean;
  /** The model of that name. Faults: MODEL_NOT_FOUND, PROVIDER_KEY_MISSING. */
  find(id: string): Model;
}

const routeOwner = 'llm-bridge';

const isEnabled = (provider: Provider) => provider.disabled === undefined;

/** What is known of a provider's model, for the message. */
export type Details = Partial<
  Pick<
    Model,
    | 'displayName'
    | 'created'
    | 'contextLength'
    | 'maxOutputTokens'
    | 'inputModalities'
    | 'outputModalities'
    | 'capabilities'
    | 'pricing'
  >
>;

const of = <T, K extends string>(name: K, value: T | undefined): { [P in K]?: T } =>
  (value === undefined ? {} : { [name]: value }) as { [P in K]?: T };

/** What the provider's own list tells; prices that it does not tell may be `priced`. */
function detailsOf(listed: ListedModel | undefined, priced: Pricing | undefined): Details {
  const pricing = listed?.pricing ?? priced;
  return {
    ...of('displayName', listed?.title),
    ...of('created', listed?.created),
    ...of('contextLength', listed?.contextLength ?? priced?.contextLength),
    ...of('maxOutputTokens', listed?.maxOutputTokens),
    ...of('inputModalities', listed?.inputModalities && [...listed.inputModalities]),
    ...of('outputModalities', listed?.outputModalities && [...listed.outputModalities]),
    ...of('capabilities', listed?.capabilities && [...listed.capabilities]),
    ...of('pricing', pricing && pricingOf(pricing)),
  };
}

const pricingOf = ({ prompt, completion, cachedPrompt, cacheWrite }: ListedPricing) =>
  create(ModelPricingSchema, {
    ...of('prompt', prompt),
    ...of('completion', completion),
    ...of('cachedPrompt', cachedPrompt),
    ...of('cacheWrite', cacheWrite),
  });

/** A route is what its one target is; of several nothing is known for all. */
function ofRoute({ name, targets }: Route, details: (provider: Provider, model: string) => Details): Model {
  const enabled = targets.filter(({ provider }) => isEnabled(provider));
  const [sole, ...more] = targets;
  return create(ModelSchema, {
    ...(sole !== undefined && more.length === 0 ? details(sole.provider, sole.model) : undefined),
    id: name,
    ownedBy: routeOwner,
    displayName: name,
    targets: targets.map(({ provider, model }) => ({ provider: provider.name, model })),
    simulated: enabled.length > 0 && enabled.every(({ provider }) => provider.type.simulated),
  });
}

const ofProvider = (provider: Provider, model: string, id: string, details: Details): Model =>
  create(ModelSchema, {
    displayName: model,
    ...details,
    id,
    ownedBy: provider.name,
    targets: [{ provider: provider.name, model }],
    simulated: provider.type.simulated,
  });

/** The models of a provider: those that anything in the configuration names, and those that it lists itself. */
function modelsOf(provider: Provider, routes: Iterable<Route>): Set<string> {
  const models = new Set(provider.models);
  for (const { targets } of routes) {
    for (const target of targets) if (target.provider.name === provider.name) models.add(target.model);
  }
  for (const model of provider.listing?.models.keys() ?? []) models.add(model);
  return models;
}

/** Makes the list as it is now; a disabled provider's models are not in it, and asking for one tells why. */
export function createModelCatalog({ providers, routes, priceOf }: ModelCatalogOptions): ModelCatalog {
  const byId = new Map<string, Model>();
  const details = (provider: Provider, model: string): Details =>
    detailsOf(provider.listing?.models.get(model), priceOf?.(provider.type, model));
  for (const route of routes.values()) {
    if (route.targets.some(({ provider }) => isEnabled(provider))) byId.set(route.name, ofRoute(route, details));
  }

  const aliases = new Map<string, Model>();
  const named = new Set<string>();
  for (const provider of [...providers.values()].filter(isEnabled)) {
    for (const model of modelsOf(provider, routes.values())) {
      const id = `${provider.name}/${model}`;
      if (!byId.has(id)) byId.set(id, ofProvider(provider, model, id, details(provider, model)));
    }
    for (const model of [...provider.models, ...(provider.listing?.models.keys() ?? [])]) named.add(model);
  }
  for (const model of named) {
    const [sole, ...more] = whoHas(providers.values(), model);
    if (sole === undefined || more.length > 0 || byId.has(model)) continue;
    aliases.set(model, ofProvider(sole, model, model, details(sole, model)));
  }

  const disabledFor = (id: string): Provider | undefined => {
    const route = routes.get(id);
    const named = route === undefined ? providers.get(id.slice(0, Math.max(0, id.indexOf('/')))) : undefined;
    return [named, ...(route?.targets ?? []).map(({ provider }) => provider)].find(
      (provider) => provider !== undefined && !isEnabled(provider),
    );
  };

  const whyNot = (id: string): string => {
    const owners = whoHas(providers.values(), id).map(({ name }) => name);
    if (owners.length > 1) return `several providers list it: ${owners.join(', ')}; ask for "provider/model"`;
    const slash = id.indexOf('/');
    const provider = slash > 0 ? providers.get(id.slice(0, slash)) : undefined;
    return provider === undefined
      ? 'no route has this name, no provider stands before a slash in it, and no provider lists it'
      : `the provider ${JSON.stringify(provider.name)} lists no model ${JSON.stringify(id.slice(slash + 1))}`;
  };

  return {
    models: [...byId.values()],
    aliases,
    hasProvider: (name) => providers.has(name),
    find(id) {
      const model = byId.get(id) ?? aliases.get(id);
      if (model !== undefined) return model;
      const disabled = disabledFor(id);
      if (disabled !== undefined) {
        throw new Fault('PROVIDER_KEY_MISSING', disabled.disabled ?? '', { metadata: { provider: disabled.name } });
      }
      throw new Fault('MODEL_NOT_FOUND', `the model ${JSON.stringify(id)} is not known: ${whyNot(id)}`, {
        metadata: { model: id },
      });
    },
  };
}
