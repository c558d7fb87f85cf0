import type { UpstreamFailure } from '../../kernel/upstream.ts';
import { Found, ResponseParser } from '../native/response-parser.ts';

/** What became of an answer. */
export interface Outcome {
  status: number;
  headers: Readonly<Record<string, unknown>>;
  /** Latin-1. */
  body: string;
  ending: 'end' | UpstreamFailure | 'open';
}

/** Reads pieces of one answer, after which the server closes; `open` where it does not. */
export function parse(pieces: readonly Buffer[], closes = true): Outcome & { reusable: boolean; left: number } {
  const parser = new ResponseParser(65_536);
  const outcome = { status: 0, headers: {}, body: '', ending: 'open' as Outcome['ending'], reusable: false, left: 0 };
  for (const piece of pieces) {
    // It may move a body's bytes within the piece.
    const bytes = Buffer.from(piece);
    for (let at = 0, found: Found = Found.head; found !== Found.nothing; at = parser.at) {
      found = parser.next(bytes, at, bytes.length);
      if (found === Found.head) Object.assign(outcome, { status: parser.status, headers: { ...parser.headers } });
      else if (found === Found.body) outcome.body += bytes.toString('latin1', parser.from, parser.to);
      else if (found === Found.malformed) return { ...outcome, ending: 'protocol' };
      else if (found === Found.end) {
        return { ...outcome, ending: 'end', reusable: parser.reusable, left: bytes.length - parser.at };
      }
    }
  }
  if (!closes) return outcome;
  const found = parser.finish();
  const endings = { [Found.end]: 'end', [Found.malformed]: 'protocol' } as const;
  return { ...outcome, ending: found === Found.end || found === Found.malformed ? endings[found] : 'reset' };
}
