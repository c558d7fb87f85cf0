import { chatOnly, openAiCompatible } from '../openai-compatible/adapter.ts';

/** OpenAI's Chat Completions (platform.openai.com/docs/api-reference/chat). */
export const openai = openAiCompatible({
  type: 'openai',
  title: 'OpenAI',
  baseUrl: 'https://api.openai.com/v1',
  keyVariable: 'OPENAI_API_KEY',
  options: chatOnly,
  quirks: { limit: 'max_completion_tokens', developerRole: 'developer', allowedTools: true, customTools: true },
});
