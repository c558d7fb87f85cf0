import type { ChatCompletionRequest } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { Call } from '../kernel/call.ts';
import { Fault, invalidField } from '../kernel/fault.ts';
import { type Provider, type Route, type Target, whoHas } from '../kernel/provider.ts';

/** What the configuration offers, by name. */
export interface Catalog {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly routes: ReadonlyMap<string, Route>;
}

/** Where a call may go: to the targets of a route, or to one model of one provider. */
export type Destination = Route | Target;

/** `name` is what the caller asked for. */
export interface Resolution {
  readonly name: string;
  readonly destination: Destination;
}

export const isRoute = (destination: Destination): destination is Route => 'targets' in destination;

/** What would not stay a segment of a provider's URL, however it is escaped (RFC 3986, section 5.2.4). */
const noNames: ReadonlySet<string> = new Set(['', '.', '..']);

function only(provider: Provider, model: string): Target {
  if (!noNames.has(model)) return { provider, model, weight: 1, priority: 1 };
  throw new Fault('MODEL_NOT_FOUND', `${JSON.stringify(model)} is no name of a model`, {
    metadata: { provider: provider.name, model },
  });
}

/**
 * Finds where a call may go: the instance it names, else the route of that name, else the instance before the first
 * slash, else the one enabled instance that lists the model.
 * Faults: FIELD_INVALID without a model, MODEL_NOT_FOUND, MODEL_FORBIDDEN, PROVIDER_KEY_MISSING.
 */
export function resolve(catalog: Catalog, call: Call, request: ChatCompletionRequest): Resolution {
  const { model, provider } = request;
  if (model === '') throw invalidField('model', 'is required');
  const name = provider === '' ? model : `${provider}/${model}`;
  const destination = find(catalog, provider, model);
  const targets = isRoute(destination) ? destination.targets : [destination];
  if (targets.every(({ provider }) => provider.disabled !== undefined)) {
    const first = targets[0]?.provider;
    throw new Fault('PROVIDER_KEY_MISSING', first?.disabled ?? 'no provider can serve this model', {
      metadata: { provider: first?.name ?? '', model },
    });
  }
  const allowed = call.principal.models;
  if (allowed !== undefined && !(allowed.has(name) && (catalog.routes.has(name) || allows(allowed, targets)))) {
    throw new Fault('MODEL_FORBIDDEN', `this caller may not use the model ${JSON.stringify(name)}`, {
      metadata: { model: name },
    });
  }
  return { name, destination };
}

const allows = (allowed: ReadonlySet<string>, targets: readonly Target[]) =>
  targets.every(({ provider, model }) => allowed.has(`${provider.name}/${model}`) || allowed.has(model));

/** Where a call of this model may go, whoever makes it. Throws MODEL_NOT_FOUND. */
export function find({ providers, routes }: Catalog, providerName: string, model: string): Destination {
  if (providerName !== '') {
    const provider = providers.get(providerName);
    if (provider !== undefined) return only(provider, model);
    throw new Fault('MODEL_NOT_FOUND', `no provider is named ${JSON.stringify(providerName)}`, {
      metadata: { provider: providerName, model },
    });
  }
  const route = routes.get(model);
  if (route !== undefined) return route;
  const slash = model.indexOf('/');
  const prefixed = slash > 0 ? providers.get(model.slice(0, slash)) : undefined;
  if (prefixed !== undefined) return only(prefixed, model.slice(slash + 1));
  const listing = whoHas(providers.values(), model);
  const [sole] = listing;
  if (sole !== undefined && listing.length === 1) return only(sole, model);
  const why =
    listing.length > 1
      ? `several providers have it: ${listing.map((each) => each.name).join(', ')}; name one of them`
      : 'no route has this name, no provider stands before a slash in it, and no provider lists it';
  throw new Fault('MODEL_NOT_FOUND', `the model ${JSON.stringify(model)} is not known: ${why}`, {
    metadata: { model },
  });
}
