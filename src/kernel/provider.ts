import type { z } from 'zod';
import type { Usage } from '../../gen/es/llmbridge/v1/usage_pb.ts';
import type { ProviderAdapter, ProviderSettings } from './adapter.ts';
import type { ModelListing } from './model-listing.ts';
import type { SignRequest, Upstream } from './upstream.ts';

/** One dialect that the gateway knows: an entry of `providers/index.ts`. */
export interface ProviderType {
  /** The `type` of the configuration, a metric label: 'openai', 'azure-openai'. */
  readonly type: string;
  /** The name for people: 'OpenAI', 'Azure OpenAI'. */
  readonly title: string;
  /**
   * Default `base_url`, in which `{name}` stands for the instance's option of that name: `https://{region}.example.com`.
   * Undefined where every instance must give its own.
   */
  readonly baseUrl: string | undefined;
  /** The variable that a key is usually kept in; named to whoever calls a provider without its key. */
  readonly keyVariable: string | undefined;
  /** Whether an instance without a key is disabled. */
  readonly requiresKey: boolean;
  /** The options of which any stands in a key's place. */
  readonly keyOptions?: readonly string[];
  /** The answers come from a simulator in this process, not from a model. */
  readonly simulated: boolean;
  /** Configuration keys beyond those that every instance has. */
  readonly options: z.ZodRawShape;
  adapter(settings: ProviderSettings): ProviderAdapter;
  /** The stage between the adapter and the upstream, where an instance's requests have to be signed. */
  signer?(settings: ProviderSettings): SignRequest | undefined;
}

/** Headers that pass through the gateway, by lower-case name. */
export interface ForwardedHeaders {
  /** Callers' ones that the provider gets. */
  readonly request: readonly string[];
  /** The provider's ones that callers get. */
  readonly response: readonly string[];
}

/** Requests that cost no tokens, and show whether a provider is there. */
export interface ProviderProbe {
  readonly intervalMs: number;
  /** How long an answer may take. */
  readonly timeoutMs: number;
  /** Probes in a row without an answer that make it count as down. */
  readonly failureThreshold: number;
  /** What is asked for, with a GET; the list of models where undefined. */
  readonly path: string | undefined;
}

/** One provider instance of the configuration, ready to be asked. */
export interface Provider {
  readonly name: string;
  readonly type: ProviderType;
  readonly adapter: ProviderAdapter;
  readonly upstream: Upstream;
  /** Empty where the type takes none. */
  readonly keys: readonly string[];
  /** Why it can't be asked: it lacks a key. Its text names the variable to set. */
  readonly disabled: string | undefined;
  /** Models that the configuration lists for it. */
  readonly models: readonly string[];
  /** Models that it lists itself; undefined where it is not asked. */
  readonly listing?: ModelListing;
  /** Where it runs, as the configuration says; undefined where it does not. */
  readonly region?: string;
  /** How it is probed; undefined where it is not. */
  readonly probe?: ProviderProbe;
  /** Whether its models go on with an answer that the conversation ends in. */
  readonly prefill?: boolean;
  /** Undefined where none pass but those that always do. */
  readonly forwards?: ForwardedHeaders;
}

/**
 * The enabled providers that have a model of that name: those of whom the configuration says so, and where there is none,
 * those that list it themselves. So nothing that a provider adds to its list takes a name of the configuration's away.
 */
export function whoHas(providers: Iterable<Provider>, model: string): Provider[] {
  const enabled = [...providers].filter(({ disabled }) => disabled === undefined);
  const configured = enabled.filter(({ models }) => models.includes(model));
  return configured.length > 0 ? configured : enabled.filter(({ listing }) => listing?.models.has(model));
}

/** What a request may hold that not every model takes. */
export type ContentKind = 'tools' | 'images' | 'audio' | 'video' | 'files';

/** US dollars for a token. */
export interface TokenPrice {
  readonly prompt: number;
  readonly completion: number;
  /** Of a prompt's tokens those read from the provider's cache, and those written to it; as any other where not told. */
  readonly cachedPrompt?: number;
  readonly cacheWrite?: number;
}

/** What an attempt at a target cost in US dollars; undefined where its price is not known. */
export type CostOf = (target: Target, usage: Usage) => number | undefined;

/** Where a call may go. */
export interface Target {
  readonly provider: Provider;
  /** The provider's own name of the model. */
  readonly model: string;
  /** Share of a route's calls. */
  readonly weight: number;
  /** Tier: 1 serves first, a higher number only when no lower one can. */
  readonly priority: number;
  readonly price?: TokenPrice;
  /** The longest prompt that it takes, in tokens; undefined where that is not known. */
  readonly context?: number;
  /** What it is known not to take. */
  readonly lacks?: readonly ContentKind[];
}

/** A name that callers ask for, and where its calls go. */
export interface Route {
  readonly name: string;
  readonly policy: readonly string[];
  readonly targets: readonly Target[];
}
