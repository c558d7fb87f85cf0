import type { SimulatedChoice } from '../answer.ts';

export type WireCall = SimulatedChoice['calls'][number];

/** A call's arguments as a value, for dialects that carry them so; empty where a limit cut them off. */
export function inputOf(call: WireCall): unknown {
  const text = call.pieces.join('');
  if (call.custom) return { input: text };
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return {};
  }
}

/** The engine's id of a call behind another prefix, as the dialect's ids look. */
export const callId = (call: WireCall, prefix: string): string => call.id.replace(/^call_/, prefix);
