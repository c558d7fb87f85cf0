import type { ChatRequest } from './messages.ts';

/** Characters of text that make a token, on average over languages and models; too few rather than too many. */
const charactersPerToken = 4;
/** What a message, and a picture or file in it, weighs beside its text. */
const tokensPerMessage = 4;
const tokensPerMedium = 1_000;

export const estimateTokens = (characters: number): number => Math.ceil(characters / charactersPerToken);

/** Letters of other scripts than Latin are more tokens, and more bytes: a Chinese character is about 0.75 of one. */
export const weighBytes = (text: string): number => Buffer.byteLength(text);
const weighCharacters = (text: string): number => text.length;

/** About how many tokens a request's prompt has, by what its texts weigh: their characters, or `weighBytes`. */
export function estimatePromptTokens({ messages, tools }: ChatRequest, weigh = weighCharacters): number {
  let characters = 0;
  let tokens = 0;
  for (const message of messages) {
    tokens += tokensPerMessage;
    if (message.parts.length === 0) characters += weigh(message.content) + weigh(message.reasoningContent);
    for (const { part } of message.parts) {
      if (part.case === 'text' || part.case === 'reasoning') characters += weigh(part.value.text);
      else if (part.case === 'native') characters += weigh(part.value.json);
      else if (part.case !== 'toolCall') tokens += tokensPerMedium;
    }
    for (const call of message.toolCalls) characters += weigh(call.name) + weigh(call.arguments);
  }
  for (const { tool } of tools) {
    if (tool.case === 'function') characters += weigh(tool.value.description) + weigh(tool.value.parameters);
    else if (tool.case === 'native') characters += weigh(tool.value.json);
  }
  return tokens + estimateTokens(characters);
}
