import type { ChatRequest } from './messages.ts';

/** Characters of text that make a token, on average over languages and models; too few rather than too many. */
const charactersPerToken = 4;
/** What a message, and a picture or file in it, weighs beside its text. */
const tokensPerMessage = 4;
const tokensPerMedium = 1_000;

export const estimateTokens = (characters: number): number => Math.ceil(characters / charactersPerToken);

/** About how many tokens a request's prompt has. */
export function estimatePromptTokens({ messages, tools }: ChatRequest): number {
  let characters = 0;
  let tokens = 0;
  for (const message of messages) {
    tokens += tokensPerMessage;
    if (message.parts.length === 0) characters += message.content.length + message.reasoningContent.length;
    for (const { part } of message.parts) {
      if (part.case === 'text' || part.case === 'reasoning') characters += part.value.text.length;
      else if (part.case === 'native') characters += part.value.json.length;
      else if (part.case !== 'toolCall') tokens += tokensPerMedium;
    }
    for (const call of message.toolCalls) characters += call.name.length + call.arguments.length;
  }
  for (const { tool } of tools) {
    if (tool.case === 'function') characters += tool.value.description.length + tool.value.parameters.length;
    else if (tool.case === 'native') characters += tool.value.json.length;
  }
  return tokens + estimateTokens(characters);
}
