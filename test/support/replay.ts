import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a replay answers with. */
export interface Replayed {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What becomes of an answer's body on its way. */
export type Mishap =
  /** It comes in pieces of so many bytes. */
  | 'cut'
  /** After so many bytes the socket is destroyed, */
  | 'drop'
  /** or nothing comes any more, */
  | 'stall'
  /** or the answer ends as if it were whole. */
  | 'end';

/** The model to ask for, so that a replay server answers with what is named so. */
export const replayedModel = (name: string, mishap?: Mishap, bytes = 0): string =>
  mishap === undefined ? name : `${name}--${mishap}-${bytes}`;

/** Recorded answers over HTTP on a free port of loopback: the model asked for, wherever it stands, tells which. */
export class ReplayServer {
  readonly #answers: ReadonlyMap<string, Replayed>;
  readonly #server = http.createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () =>
      this.#answer(`${decodeURIComponent(request.url ?? '')} ${Buffer.concat(pieces)}`, response),
    );
  });

  constructor(answers: ReadonlyMap<string, Replayed>) {
    this.#answers = answers;
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #answer(asked: string, response: http.ServerResponse): void {
    const found = /(\w+--[\w.]+--[0-9a-f]{8})(?:--(cut|drop|stall|end)-(\d+))?/.exec(asked);
    const answer = this.#answers.get(found?.[1] ?? '');
    if (answer === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(answer.status, answer.headers);
    const bytes = Number(found?.[3] ?? 0);
    const { body } = answer;
    switch (found?.[2]) {
      case 'cut':
        // Every write is an HTTP chunk, and so a piece for whoever reads it.
        for (let at = 0; at < body.length; at += bytes) response.write(body.subarray(at, at + bytes));
        response.end();
        break;
      case 'drop':
        response.flushHeaders();
        response.write(body.subarray(0, bytes), () => response.socket?.destroySoon());
        break;
      case 'stall':
        response.flushHeaders();
        response.write(body.subarray(0, bytes));
        break;
      case 'end':
        response.end(body.subarray(0, bytes));
        break;
      default:
        response.end(body);
    }
  }
}
