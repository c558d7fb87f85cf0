import type { JsonSchema } from './json-schema.ts';

/** One turn, as far as the simulator looks at it. */
export interface Turn {
  readonly role: string;
  readonly text: string;
  /** Pictures, sounds and files in it. */
  readonly attachments: number;
  /** In a tool turn: which call it answers. */
  readonly callId: string;
}

/** Instructions that stand apart from the messages, as the turn that they are; none where they say nothing. */
export const systemTurns = (text: string): readonly Turn[] =>
  text === '' ? [] : [{ role: 'system', text, attachments: 0, callId: '' }];

/** A tool that may be called. */
export interface OfferedTool {
  readonly name: string;
  /** undefined for a tool that takes free text. */
  readonly schema: JsonSchema | undefined;
}

/** Which tools must be called: none, as the model likes, at least one, or one by name. */
export type Choice = 'none' | 'auto' | 'required' | { readonly name: string };

/** What is asked, in no provider's dialect. */
export interface Query {
  /** The model's name as it was asked for. */
  readonly model: string;
  readonly turns: readonly Turn[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly maxTokens: number | undefined;
  readonly stop: readonly string[];
  readonly n: number;
  readonly seed: number | undefined;
  readonly tools: readonly OfferedTool[];
  readonly choice: Choice;
  readonly parallel: boolean;
  /** 'json' for any JSON object. */
  readonly format: 'text' | 'json' | JsonSchema;
  /** How many alternatives per token; undefined without log probabilities. */
  readonly topLogprobs: number | undefined;
  readonly effort: string | undefined;
  /** Whether reasoning is told; otherwise it only counts. */
  readonly showReasoning: boolean;
}

/** A query that asks for nothing beside its turns. */
export const unasked: Omit<Query, 'model' | 'turns'> = {
  stream: false,
  includeUsage: true,
  maxTokens: undefined,
  stop: [],
  n: 1,
  seed: undefined,
  tools: [],
  choice: 'auto',
  parallel: true,
  format: 'text',
  topLogprobs: undefined,
  effort: undefined,
  showReasoning: true,
};
