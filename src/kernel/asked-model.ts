import type { Call } from './call.ts';
import type { ChatRequest } from './messages.ts';

/** What a call asks for, as limits see it. */
export interface AskedModel {
  /** Names that a limit may be set for, the closest first: of a route, else `provider/model` and the model's own. */
  readonly names: readonly string[];
  /**
   * What it costs at most, in billionths of a US dollar, whole: by the dearest target that may serve it. Undefined where
   * none of them has a known price.
   */
  cost(promptTokens: number, completionTokens: number): number | undefined;
}

/** Finds what a call asks for; undefined where there is no such thing, which the call itself will be told. */
export type AskedModelOf = (call: Call, request: ChatRequest) => AskedModel | undefined;

/** Billionths of a US dollar. */
export const inNanoDollars = (usd: number): number => Math.round(usd * 1e9);
