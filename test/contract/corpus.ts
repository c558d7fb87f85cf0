import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the provider's own SDK makes of a recorded answer. */
export interface Oracle {
  readonly ok?: boolean;
  readonly skipped?: string;
  readonly text?: string;
  readonly reasoning?: string;
  readonly refusal?: string;
  readonly tool_calls?: readonly { readonly id?: string; readonly name: string; readonly arguments: unknown }[];
  readonly finish?: string | number | null;
  readonly usage?: Readonly<Record<string, unknown>> | null;
  readonly sdk_error?: { readonly class: string; readonly status?: number };
}

/** A recorded exchange with a provider. */
export interface Case {
  /** `<provider>/<kind>--<api>--<hash>`. */
  readonly name: string;
  readonly provider: string;
  readonly api: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly body: Readonly<Record<string, unknown>>;
  } | null;
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
    readonly raw?: string;
    readonly raw_base64?: string;
  };
  readonly oracle: Oracle;
}

/** Every case of a corpus folder, with its oracle. */
export function readCorpus(folder: string): Case[] {
  const oracles = JSON.parse(readFileSync(join(folder, '_sdk-oracle.json'), 'utf8')) as Record<string, Oracle>;
  const cases: Case[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    for (const file of readdirSync(join(folder, entry.name))) {
      if (!file.endsWith('.json')) continue;
      const name = `${entry.name}/${file.slice(0, -'.json'.length)}`;
      const recorded = JSON.parse(readFileSync(join(folder, entry.name, file), 'utf8')) as Case;
      const oracle = oracles[name];
      if (oracle !== undefined) cases.push({ ...recorded, name, provider: entry.name, oracle });
    }
  }
  return cases;
}

/** The answer's body as it came over the wire. */
export function bodyOf({ response }: Case): Buffer {
  if (response.raw_base64 !== undefined) return Buffer.from(response.raw_base64, 'base64');
  return Buffer.from(response.raw ?? JSON.stringify(response.body));
}

/** Whether the answer is a stream. */
export function isStream({ response, name }: Case): boolean {
  const type = response.headers['content-type'] ?? '';
  return name.includes('_stream--') || type.includes('event-stream') || type.includes('x-ndjson');
}
