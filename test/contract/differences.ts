import type { Blame } from '../../src/kernel/fault.ts';
import type { Meaning } from './oracle.ts';

/** A case in which the gateway rightly says otherwise than the SDK, and why. */
export interface Difference {
  readonly why: string;
  /** What is expected in place of the SDK's. */
  readonly expected?: Partial<Meaning>;
  /** A fault is expected, with one of these blames. */
  readonly fault?: readonly Blame[];
  /** Several answers stand in it: it has an end before its end. */
  readonly several?: true;
}

export const differences: Readonly<Record<string, Difference>> = {
  'anthropic/refusal_stream--messages--18b1cacc': {
    why: "the SDK leaves the refusal's explanation in stop_details",
    expected: {
      refusal:
        "This request triggered restrictions on violative cyber content and was blocked under Anthropic's Usage Policy.",
    },
  },
  'bedrock/tool_call--converse--b9ca7857': {
    why: 'a tool that the provider ran itself, its result included: nothing for the caller to do',
    expected: { toolCalls: [], finish: 'stop' },
  },
  'bedrock/tool_call_stream--converse--bbfe368e': {
    why: 'a tool that the provider ran itself, its result included: nothing for the caller to do',
    expected: { toolCalls: [], finish: 'stop' },
  },
  'cerebras/tool_call_stream--chat--3cab659f': {
    several: true,
    why: 'several answers recorded as one: the SDK glues two calls with their own ids into one with broken arguments',
    expected: {
      toolCalls: [
        { id: 'bbd2b9d98', name: 'nonUsefulTool', arguments: {} },
        { id: 'e0ecf32e0', name: 'nonUsefulTool', arguments: {} },
      ],
    },
  },
  'cohere/image_in--v2--79aabfc5': {
    why: 'the picture is counted beside the input (259 + 34 tokens; 267 are billed): the prompt is both',
    expected: { usage: { prompt: 293, completion: 70, cached: 0, cacheWrite: 0, reasoning: 0 } },
  },
  'azure/refusal--chat--c3dde4c1': {
    why: 'an error object with status 200: the SDK hands it on as an empty answer',
    fault: ['content'],
  },
  'xai/parallel_tools--responses--d5f740e8': {
    why: 'the SDK of Responses has no text of the reasoning; its summary is what there is of it',
    expected: { reasoning: 'The user said: "Roll the dice 3 times"\n' },
  },
};
