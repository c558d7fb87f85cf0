import type { CompatibleProvider } from '../provider.ts';
import { enableThinking, reasoningObject } from './reasoning.ts';

/** Hosts of others' models, and gateways before them. */
export const hosts: readonly CompatibleProvider[] = [
  {
    type: 'groq',
    title: 'Groq',
    baseUrl: 'https://api.groq.com/openai/v1',
    keyVariable: 'GROQ_API_KEY',
    // These are answered with 400, as is `reasoning_content` in a message.
    quirks: {
      limit: 'max_completion_tokens',
      reasoningField: 'reasoning',
      names: false,
      unsupported: ['logit_bias', 'logprobs', 'top_logprobs', 'prompt_cache_key', 'verbosity', 'store', 'prediction'],
    },
  },
  {
    type: 'openrouter',
    title: 'OpenRouter',
    baseUrl: 'https://openrouter.ai/api/v1',
    keyVariable: 'OPENROUTER_API_KEY',
    quirks: {
      topK: true,
      cacheControl: true,
      mediaUrls: true,
      fileUrls: true,
      reasoningDetails: true,
      reasoningField: 'reasoning',
      reasoning: reasoningObject,
      customTools: true,
    },
  },
  {
    type: 'vercel',
    title: 'Vercel AI Gateway',
    baseUrl: 'https://ai-gateway.vercel.sh/v1',
    keyVariable: 'AI_GATEWAY_API_KEY',
    quirks: {
      cacheControl: true,
      reasoningDetails: true,
      reasoningField: 'reasoning',
      reasoning: reasoningObject,
      customTools: true,
    },
  },
  {
    type: 'together',
    title: 'Together AI',
    baseUrl: 'https://api.together.xyz/v1',
    keyVariable: 'TOGETHER_API_KEY',
    quirks: { developerRole: 'system', topK: true, mediaUrls: true, reasoningField: 'reasoning' },
  },
  {
    type: 'fireworks',
    title: 'Fireworks AI',
    baseUrl: 'https://api.fireworks.ai/inference/v1',
    keyVariable: 'FIREWORKS_API_KEY',
    quirks: { developerRole: 'system', topK: true, reasoningField: 'reasoning_content' },
  },
  {
    type: 'cerebras',
    title: 'Cerebras',
    baseUrl: 'https://api.cerebras.ai/v1',
    keyVariable: 'CEREBRAS_API_KEY',
    // These are answered with 400.
    quirks: {
      limit: 'max_completion_tokens',
      developerRole: 'system',
      unsupported: [
        'frequency_penalty',
        'presence_penalty',
        'logit_bias',
        'service_tier',
        'prompt_cache_key',
        'verbosity',
      ],
    },
  },
  {
    type: 'huggingface',
    title: 'Hugging Face',
    baseUrl: 'https://router.huggingface.co/v1',
    keyVariable: 'HF_TOKEN',
    quirks: { developerRole: 'system' },
  },
  {
    type: 'nvidia',
    title: 'NVIDIA NIM',
    baseUrl: 'https://integrate.api.nvidia.com/v1',
    keyVariable: 'NVIDIA_API_KEY',
    quirks: { developerRole: 'system', reasoningField: 'reasoning_content' },
  },
  {
    type: 'sambanova',
    title: 'SambaNova',
    baseUrl: 'https://api.sambanova.ai/v1',
    keyVariable: 'SAMBANOVA_API_KEY',
    quirks: {
      developerRole: 'system',
      topK: true,
      unsupported: ['n', 'logit_bias', 'presence_penalty', 'frequency_penalty'],
    },
  },
  {
    type: 'novita',
    title: 'Novita AI',
    baseUrl: 'https://api.novita.ai/openai/v1',
    keyVariable: 'NOVITA_API_KEY',
    quirks: { developerRole: 'system', topK: true, reasoningField: 'reasoning_content' },
  },
  {
    type: 'hyperbolic',
    title: 'Hyperbolic',
    baseUrl: 'https://api.hyperbolic.xyz/v1',
    keyVariable: 'HYPERBOLIC_API_KEY',
    quirks: { developerRole: 'system', topK: true },
  },
  {
    type: 'siliconflow',
    title: 'SiliconFlow',
    baseUrl: 'https://api.siliconflow.com/v1',
    keyVariable: 'SILICONFLOW_API_KEY',
    quirks: {
      developerRole: 'system',
      topK: true,
      mediaUrls: true,
      reasoningField: 'reasoning_content',
      reasoning: enableThinking,
      errorCodes: { '20012': 'target', '20015': 'caller', '30001': 'credential', '50603': 'provider' },
    },
  },
  {
    type: 'github',
    title: 'GitHub Models',
    baseUrl: 'https://models.github.ai/inference',
    keyVariable: 'GITHUB_TOKEN',
    quirks: { developerRole: 'developer', errorCodes: { unknown_model: 'target', unauthorized: 'credential' } },
  },
  {
    type: 'databricks',
    title: 'Databricks',
    baseUrl: undefined,
    keyVariable: 'DATABRICKS_TOKEN',
    quirks: {
      developerRole: 'system',
      topK: true,
      cacheControl: true,
      errorCodes: { REQUEST_LIMIT_EXCEEDED: 'limit', RESOURCE_DOES_NOT_EXIST: 'target', ENDPOINT_NOT_FOUND: 'target' },
    },
  },
  {
    type: 'cloudflare',
    title: 'Cloudflare Workers AI',
    baseUrl: undefined,
    keyVariable: 'CLOUDFLARE_API_TOKEN',
    quirks: {
      developerRole: 'system',
      topK: true,
      errorCodes: { '5007': 'target', '3036': 'credential', '3040': 'limit' },
    },
  },
];
