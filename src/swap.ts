import type { GatewayConfig } from './config/gateway-config.ts';

/** New settings of one part, ready to be taken: nothing can go wrong any more. */
export interface Swap {
  /** Paths of what changes; empty where all is as it was. */
  readonly changed: readonly string[];
  /** Paths of what changed, too, but waits for a restart. */
  readonly pending: readonly string[];
  commit(): void;
}

/** A part of the gateway that takes new settings while it runs. */
export interface Swappable {
  /** The settings that it answers for; `*` stands for any name. */
  readonly paths: readonly string[];
  /** Reads and checks what `next` has for it. Throws where that can't be taken; nothing has changed then. */
  prepare(next: GatewayConfig): Swap;
}
