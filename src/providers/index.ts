import type { ProviderType } from '../kernel/provider.ts';
import { anthropic } from './anthropic/index.ts';
import { azureOpenAi } from './azure-openai/index.ts';
import { bedrock } from './bedrock/index.ts';
import { cohere } from './cohere/index.ts';
import { gemini } from './gemini/index.ts';
import { ollama } from './ollama/index.ts';
import { openai } from './openai/index.ts';
import { family } from './openai-compatible/family/index.ts';
import { vertex } from './vertex/index.ts';

/** Every dialect that the gateway knows, in the order that lists show them. */
export const providerTypes: readonly ProviderType[] = [
  openai,
  anthropic,
  azureOpenAi,
  gemini,
  bedrock,
  vertex,
  cohere,
  ollama,
  ...family,
];
