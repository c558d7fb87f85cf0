import type { CompatibleProvider } from '../provider.ts';

/** What servers of one's own have in common: they take a key where one is set, and more sampling parameters. */
const own = {
  requiresKey: false,
  quirks: { developerRole: 'system', topK: true, mediaUrls: true, reasoningField: 'reasoning_content' },
} as const satisfies Partial<CompatibleProvider>;

/** Servers that one runs oneself, any other server of the dialect, and the simulator. */
export const servers: readonly CompatibleProvider[] = [
  { type: 'vllm', title: 'vLLM', baseUrl: 'http://127.0.0.1:8000/v1', keyVariable: 'VLLM_API_KEY', ...own },
  { type: 'sglang', title: 'SGLang', baseUrl: 'http://127.0.0.1:30000/v1', ...own },
  { type: 'llama.cpp', title: 'llama.cpp', baseUrl: 'http://127.0.0.1:8080/v1', keyVariable: 'LLAMA_API_KEY', ...own },
  { type: 'lm-studio', title: 'LM Studio', baseUrl: 'http://127.0.0.1:1234/v1', ...own },
  { type: 'localai', title: 'LocalAI', baseUrl: 'http://127.0.0.1:8080/v1', ...own },
  {
    type: 'openai-compatible',
    title: 'Any OpenAI-compatible server',
    baseUrl: undefined,
    requiresKey: false,
    quirks: { topK: true, mediaUrls: true, reasoningField: 'reasoning_content', allowedTools: true, customTools: true },
  },
  {
    type: 'simulator',
    title: 'Simulator',
    // Without an address it answers in this process; with one it is `llm-bridge simulate` over HTTP.
    baseUrl: undefined,
    requiresKey: false,
    simulated: true,
    quirks: {
      topK: true,
      mediaUrls: true,
      fileUrls: true,
      reasoningField: 'reasoning_content',
      allowedTools: true,
      customTools: true,
    },
  },
];
