import { z } from 'zod';
import type { ChatInput, ProviderSettings } from '../../kernel/adapter.ts';
import { openAiCompatible } from '../openai-compatible/adapter.ts';
import type { Resource } from '../openai-compatible/provider.ts';
import { entraOptions, entraToken } from './entra.ts';

/** Versions of the v1 surface, which takes the deployment in the body; all others are dates. */
const undated: ReadonlySet<string> = new Set(['v1', 'preview', 'latest']);

function deploymentOf(input: ChatInput, settings: ProviderSettings): string {
  const deployments = settings.options['deployments'] as Readonly<Record<string, string>> | undefined;
  return deployments?.[input.model] ?? input.model;
}

/**
 * The path below `base_url`: with a dated `api_version` the deployment stands in it, without one it is the v1 surface's.
 * A base URL that ends with `/openai/v1`, `/openai` or Azure AI Foundry's `/models` is taken as it is.
 */
function path(input: ChatInput, settings: ProviderSettings, resource: Resource): string {
  const version = settings.options['api_version'];
  const query = typeof version === 'string' && version !== '' ? `?api-version=${encodeURIComponent(version)}` : '';
  const base = settings.basePath;
  if (base.endsWith('/openai/v1') || base.endsWith('/models')) return resource + query;
  const root = base.endsWith('/openai') ? '' : '/openai';
  if (query === '' || undated.has(version as string)) return `${root}/v1${resource}${query}`;
  // Responses knows no deployments in its path.
  if (resource === '/responses') return `${root}${resource}${query}`;
  return `${root}/deployments/${encodeURIComponent(deploymentOf(input, settings))}${resource}${query}`;
}

/** A key, or an Entra ID access token that was put in a key's place. */
const credential = (apiKey: string): Readonly<Record<string, string>> =>
  apiKey.startsWith('eyJ') ? { authorization: `Bearer ${apiKey}` } : { 'api-key': apiKey };

/** Azure OpenAI: OpenAI's dialect under deployments' names, with content-filter results (learn.microsoft.com/azure/ai-foundry). */
export const azureOpenAi = openAiCompatible({
  type: 'azure-openai',
  title: 'Azure OpenAI',
  baseUrl: undefined,
  keyVariable: 'AZURE_OPENAI_API_KEY',
  responses: true,
  // What it lists are models of the region, not deployments.
  listsModels: false,
  options: {
    api_version: z.string().optional(),
    deployments: z.record(z.string(), z.string()).optional(),
    entra: entraOptions
      .optional()
      .describe('Microsoft Entra ID in place of a key: a service principal, or `{}` for the identity of the machine.'),
  },
  keyOptions: ['entra'],
  signer: (settings) => entraToken(settings),
  quirks: { limit: 'max_completion_tokens', developerRole: 'developer', allowedTools: true, customTools: true },
  credential,
  path,
  model: deploymentOf,
});
