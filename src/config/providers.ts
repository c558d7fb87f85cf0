import { z } from 'zod';
import type { ForwardedHeaders, ProviderType } from '../kernel/provider.ts';
import { providerOverrides } from './balancer.ts';
import { forwardedHeaders } from './forwarded-headers.ts';
import { secret } from './secret.ts';

/** The parts of a provider type that the configuration needs. */
export type ConfigurableType = Pick<
  ProviderType,
  'type' | 'title' | 'baseUrl' | 'keyVariable' | 'requiresKey' | 'keyOptions' | 'simulated' | 'options'
>;

const httpUrl = z.string().refine(
  (text) => {
    const url = URL.parse(text);
    return (
      url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '' && url.username === ''
    );
  },
  { error: 'must be an http or https URL without credentials, query or fragment' },
);

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'must be an HTTP header name' });

/** Keys that every provider instance takes, whatever its type. */
export const commonProvider = {
  base_url: httpUrl.optional().describe("Where the provider is; the type's own address where it has one."),
  api_keys: z
    .array(secret)
    .default([])
    .describe('Keys, used in turn. An empty one counts as none; a type that requires a key is disabled without one.'),
  headers: z.record(headerName, secret).default({}).describe('Headers added to every request to the provider.'),
  forward_headers: forwardedHeaders,
  models: z
    .array(z.string().min(1))
    .default([])
    .describe('Models of this provider, listed to callers and found without naming the provider.'),
  list_models: z
    .boolean()
    .optional()
    .describe(
      'Whether it is asked for its models, in the background. Where not set: with a key, at its own address from the start, at another once somebody asks for the list.',
    ),
  http_client: z
    .enum(['native', 'undici'])
    .default('native')
    .describe("Who speaks HTTP/1.1 with the provider: the gateway's own client, or undici, which reads less strictly."),
  ...providerOverrides,
} satisfies z.ZodRawShape;

type Common = z.output<z.ZodObject<typeof commonProvider>>;

/** One provider instance, ready to be made. */
export interface ProviderInstance extends Pick<Common, keyof typeof providerOverrides> {
  readonly name: string;
  readonly type: string;
  /** Undefined for a type that has no address, as an in-process simulator. */
  readonly base_url: string | undefined;
  /** Without empty ones. */
  readonly api_keys: readonly string[];
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Lower-case names. */
  readonly forward_headers?: ForwardedHeaders;
  readonly models: readonly string[];
  readonly list_models?: boolean;
  readonly http_client: Common['http_client'];
  /** The keys of its type's own `options` schema. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Why it can't be asked, with the variable to set; undefined for a usable one. */
  readonly disabled: string | undefined;
}

/** The type's own address, its `{option}`s filled in; or the options that it lacks. */
function ownAddress(
  type: ConfigurableType,
  value: Record<string, unknown>,
): { url?: string; lacks: readonly string[] } {
  if (type.baseUrl === undefined) return { lacks: [] };
  const lacks: string[] = [];
  const url = type.baseUrl.replace(/\{(\w+)\}/g, (_, option: string) => {
    if (typeof value[option] !== 'string') lacks.push(option);
    return String(value[option]);
  });
  return lacks.length === 0 ? { url, lacks } : { lacks };
}

const own = new Set(['type', ...Object.keys(commonProvider)]);

function instance(type: ConfigurableType, value: Record<string, unknown>): Omit<ProviderInstance, 'name' | 'disabled'> {
  const common = value as Common;
  return {
    type: type.type,
    base_url: (common.base_url ?? ownAddress(type, value).url)?.replace(/\/+$/, ''),
    api_keys: common.api_keys.filter((key) => key !== ''),
    headers: Object.fromEntries(Object.entries(common.headers).map(([name, text]) => [name.toLowerCase(), text])),
    models: common.models,
    http_client: common.http_client,
    ...(common.forward_headers && { forward_headers: common.forward_headers }),
    ...(common.list_models !== undefined && { list_models: common.list_models }),
    ...(common.timeouts && { timeouts: common.timeouts }),
    ...(common.breaker && { breaker: common.breaker }),
    ...(common.admission && { admission: common.admission }),
    ...(common.probe && { probe: common.probe }),
    ...(common.prefill !== undefined && { prefill: common.prefill }),
    options: Object.fromEntries(Object.entries(value).filter(([key]) => !own.has(key))),
  };
}

/** The `providers` group: instances by name, each checked by its type's schema. */
export function providers(types: readonly ConfigurableType[]) {
  const members = types.map((type) =>
    z
      .strictObject({ type: z.literal(type.type), ...commonProvider, ...type.options })
      .superRefine((value, context) => {
        const { url, lacks } = ownAddress(type, value);
        if (type.simulated || 'base_url' in value) return;
        if (url === undefined)
          context.addIssue(`a provider of type ${type.type} needs ${[...lacks, 'a base_url'].join(' or ')}`);
        else if (!httpUrl.safeParse(url).success) context.addIssue(`its options make no address: ${url}`);
      })
      .transform((value) => instance(type, value)),
  );
  const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, {
    error: 'a provider name has letters, digits, dots, dashes and underscores only',
  });
  const [first, ...rest] = members;
  if (first === undefined) throw new Error('no provider types');
  return z
    .record(
      name,
      z.discriminatedUnion('type', [first, ...rest], {
        error: (issue) =>
          issue.code === 'invalid_union' ? `must be one of: ${types.map((type) => type.type).join(', ')}` : undefined,
      }),
    )
    .refine((instances) => Object.keys(instances).length > 0, { error: 'must have at least one provider' });
}
