import type { ResponseHeaders, Upstream } from '../../kernel/upstream.ts';

/** A finished exchange. */
export interface Answered {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly text: string;
  /** The body as JSON. */
  readonly json: unknown;
}

/** Posts a body and waits for the whole answer. */
export function post(upstream: Upstream, path: string, body: object): Promise<Answered> {
  return new Promise((resolve, reject) => {
    let [status, headers, text]: [number, ResponseHeaders, string] = [0, {}, ''];
    upstream.send(
      { method: 'POST', path, headers: {}, body: JSON.stringify(body) },
      {
        head(code, all) {
          status = code;
          headers = all;
        },
        data(bytes) {
          text += Buffer.from(bytes).toString('latin1');
        },
        end: () =>
          resolve({
            status,
            headers,
            text,
            get json(): unknown {
              return JSON.parse(text);
            },
          }),
        error: (_kind, error) => reject(error),
      },
    );
  });
}

/** The events of an SSE body: their names, and their data as JSON. */
export const sseOf = (text: string): { readonly name: string; readonly data: unknown }[] =>
  text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => ({
      name: /^event: (.*)$/m.exec(event)?.[1] ?? '',
      data: JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? 'null') as unknown,
    }));
