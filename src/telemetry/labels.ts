import type { Provider, Route } from '../kernel/provider.ts';

/** The value of a label that nothing stands for: no provider was asked, no model was named. */
export const none = 'none';
/** The label of every model that the configuration does not name. */
export const other = 'other';
/** The label of every method that is not served here. */
const unknown = 'unknown';

/** What every gateway serves beside its own methods. */
const standardMethods = [
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/List',
  '/grpc.health.v1.Health/Watch',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
];

export interface LabelsOptions {
  /** The gateway's own methods, as a Call names them: '/llmbridge.v1.ChatService/ChatCompletion'. */
  readonly methods: Iterable<string>;
  readonly providers: Iterable<Provider>;
  readonly routes: Iterable<Route>;
}

/** What stands in metric labels: callers choose among these values, they never add one. */
export interface Labels {
  /** The method without its leading slash, or 'unknown'. */
  method(method: string): string;
  provider(name: string): string;
  /** A provider's own name of a model. */
  model(provider: string, model: string): string;
  /** The name that a caller asked for, where no provider was reached. */
  requested(model: string): string;
}

export function createLabels({ methods, providers, routes }: LabelsOptions): Labels {
  const methodLabels = new Map<string, string>();
  for (const method of [...standardMethods, ...methods]) methodLabels.set(method, method.replace(/^\//, ''));

  const models = new Map<string, Set<string>>();
  for (const { name, models: listed } of providers) models.set(name, new Set(listed));
  const names = new Set<string>();
  for (const route of routes) {
    names.add(route.name);
    for (const { provider, model } of route.targets) models.get(provider.name)?.add(model);
  }

  return {
    method: (method) => methodLabels.get(method) ?? unknown,
    provider: (name) => (name === '' ? none : models.has(name) ? name : other),
    model: (provider, model) => (model === '' ? none : models.get(provider)?.has(model) ? model : other),
    requested: (model) => (model === '' ? none : names.has(model) ? model : other),
  };
}
