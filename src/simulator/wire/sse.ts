import type { WireEvent } from '../dialect.ts';

/** An SSE event with a name. */
export const namedEvent = (name: string, data: string): string => `event: ${name}\ndata: ${data}\n\n`;

/** Collects the events of a stream whose events are named by their `type`. */
export class TypedEvents {
  readonly list: WireEvent[] = [];

  /** @param token whether it carries a token */
  add(event: { readonly type: string; readonly [member: string]: unknown }, token = false): void {
    this.list.push({ data: namedEvent(event.type, JSON.stringify(event)), token });
  }
}
