import type { Exchange, ResponseHeaders, Upstream } from '../../kernel/upstream.ts';

/** What came of a request, as it comes. */
export interface Heard {
  /** 'head 200', 'data', 'end', 'error reset', in order, each piece of data by itself. */
  readonly events: string[];
  readonly exchange: Exchange;
  readonly headers: ResponseHeaders;
  readonly text: string;
}

export const user = (content: string) => [{ role: 'user', content }];

/** Posts a chat completion; microtasks must run before anything is heard. */
export function ask(upstream: Upstream, body: object, onData?: (heard: Heard) => void): Heard {
  const events: string[] = [];
  let headers: ResponseHeaders = {};
  let text = '';
  const heard: Heard = {
    events,
    get headers() {
      return headers;
    },
    get text() {
      return text;
    },
    exchange: upstream.send(
      { method: 'POST', path: '/v1/chat/completions', headers: {}, body: JSON.stringify(body) },
      {
        head(status, all) {
          headers = all;
          events.push(`head ${status}`);
        },
        data(bytes) {
          text += Buffer.from(bytes).toString();
          events.push('data');
          onData?.(heard);
        },
        end: () => events.push('end'),
        error: (kind) => events.push(`error ${kind}`),
      },
    ),
  };
  return heard;
}

/** The objects of a stream's events; those that are not JSON as text. */
export function eventsOf(text: string): unknown[] {
  return text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => {
      const data = event.replace(/^data: /, '');
      try {
        return JSON.parse(data) as unknown;
      } catch {
        return data;
      }
    });
}

interface Chunk {
  readonly choices: readonly { readonly index: number; readonly delta: { readonly content?: string } }[];
}

/** The text of a stream's choice. */
export const contentOf = (text: string, index = 0): string =>
  eventsOf(text)
    .flatMap((event) => (typeof event === 'object' ? (event as Chunk).choices : []))
    .filter((choice) => choice.index === index)
    .map((choice) => choice.delta.content ?? '')
    .join('');
