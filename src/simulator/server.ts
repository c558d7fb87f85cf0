import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { Ledger, type LedgerEntry, type LedgerReport } from './ledger.ts';
import { Playback, type Stage } from './playback.ts';
import { Simulator, type SimulatorOptions } from './simulator.ts';

export interface SimulatorServerOptions extends SimulatorOptions {
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** 0, the default, for any free one. */
  readonly port?: number;
  readonly clock?: Clock;
}

export interface SimulatorServer {
  readonly port: number;
  /** What was asked since the start or the last reset. */
  requests(): LedgerReport;
  /** Forgets requests and attempts, and starts the clock again. */
  reset(): void;
  /** Closes all connections. */
  close(): Promise<void>;
}

const KEEP_ALIVE_MS = 75_000;
const MOST_BODY_BYTES = 64 * 1024 * 1024;

/** The server's side of an exchange, with faults done to the socket. */
const stageOf = (response: http.ServerResponse, entry: LedgerEntry, onFull: () => void): Stage => ({
  head(status, headers) {
    response.writeHead(status, headers);
    response.flushHeaders();
  },
  data(bytes) {
    entry.chunks++;
    const roomLeft = response.write(bytes);
    // node:http gathers the writes of a turn in one HTTP chunk; here each has one of its own, also before a cut.
    response.uncork();
    if (!roomLeft) onFull();
  },
  end() {
    entry.outcome = 'whole';
    response.end();
  },
  close() {
    entry.outcome = 'closed';
    // Ends the socket under the answer: a FIN, without the chunk or the bytes that would make it whole.
    response.socket?.destroySoon();
  },
  reset() {
    entry.outcome = 'reset';
    response.socket?.resetAndDestroy();
  },
  refuse() {
    entry.outcome = 'reset';
    response.socket?.resetAndDestroy();
  },
});

class Server implements SimulatorServer {
  readonly #clock: Clock;
  readonly #simulator: Simulator;
  readonly #ledger = new Ledger();
  readonly #http: http.Server;

  constructor(options: SimulatorServerOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#simulator = new Simulator(this.#clock, options);
    this.#http = http.createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true }, (request, response) =>
      this.#read(request, response),
    );
    this.#http.on('clientError', (_error, socket) => socket.destroy());
  }

  async listen(host: string, port: number): Promise<void> {
    this.#http.listen(port, host);
    await once(this.#http, 'listening');
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  requests(): LedgerReport {
    return this.#ledger.report();
  }

  reset(): void {
    this.#simulator.reset();
    this.#ledger.reset();
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #read(request: http.IncomingMessage, response: http.ServerResponse): void {
    const parts: Buffer[] = [];
    let length = 0;
    request.on('data', (part: Buffer) => {
      length += part.length;
      if (length > MOST_BODY_BYTES) request.destroy();
      else parts.push(part);
    });
    request.on('end', () => this.#answer(request, response, Buffer.concat(parts).toString()));
    request.on('error', () => {});
    response.on('error', () => {});
  }

  #answer({ method = '', url = '' }: http.IncomingMessage, response: http.ServerResponse, body: string): void {
    if (url === '/ledger' && method === 'GET') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(this.requests()));
      return;
    }
    if (url === '/reset' && method === 'POST') {
      this.reset();
      response.writeHead(204).end();
      return;
    }
    const reply = this.#simulator.ask(method, url, body);
    const entry = this.#ledger.add(method, url, reply, this.#simulator.elapsed);
    const playback: Playback = new Playback(
      reply.script,
      stageOf(response, entry, () => playback.pause()),
      this.#clock,
    );
    response.on('drain', () => playback.resume());
    // Comes once, after the answer or when the socket is gone.
    response.on('close', () => {
      playback.cancel();
      if (entry.outcome === 'open') entry.outcome = 'left';
      entry.closed_at = this.#simulator.elapsed / 1_000;
    });
    playback.start();
  }
}

/**
 * The simulator behind a port, as the HTTP APIs of all its dialects at once, told apart by their paths; `GET /health`;
 * `GET /ledger` and `POST /reset` are for tests. Any credential is accepted.
 */
export async function createSimulatorServer(options: SimulatorServerOptions = {}): Promise<SimulatorServer> {
  const server = new Server(options);
  await server.listen(options.host ?? '127.0.0.1', options.port ?? 0);
  return server;
}
