import { openAiCompatible } from '../openai-compatible/adapter.ts';

/** OpenAI's Chat Completions and Responses (platform.openai.com/docs/api-reference). */
export const openai = openAiCompatible({
  type: 'openai',
  title: 'OpenAI',
  baseUrl: 'https://api.openai.com/v1',
  keyVariable: 'OPENAI_API_KEY',
  responses: true,
  quirks: { limit: 'max_completion_tokens', developerRole: 'developer', allowedTools: true, customTools: true },
});
