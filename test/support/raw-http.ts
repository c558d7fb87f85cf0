import net from 'node:net';

/** What a connection got for bytes written to it, and whether the other end closed it in time. */
export interface RawReply {
  readonly text: string;
  /** Status codes of the HTTP/1.1 replies in it, in order. */
  readonly statuses: readonly number[];
  readonly closed: boolean;
}

/** Writes bytes (Latin-1) to the port, and collects what comes until it is closed, or quiet for `quietMs`. */
export function sendRaw(port: number, bytes: string, quietMs = 300): Promise<RawReply> {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    const finish = (closed: boolean): void => {
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
      resolve({ text, statuses, closed });
      socket.destroy();
    };
    socket.setEncoding('latin1').on('data', (piece: string) => {
      text += piece;
    });
    socket.on('error', () => {}).on('close', () => finish(true));
    socket.setTimeout(quietMs, () => finish(false));
  });
}

/** A connection that writes piece by piece, and how long it was let live. */
export function drip(port: number, start: string | Buffer, everyMs: number, piece: string | Buffer): Promise<number> {
  return new Promise((resolve) => {
    const begun = performance.now();
    const socket = net.connect(port, '127.0.0.1', () => socket.write(start));
    const timer = setInterval(() => socket.write(piece), everyMs);
    socket.on('error', () => {}).resume();
    socket.on('close', () => {
      clearInterval(timer);
      resolve(performance.now() - begun);
    });
  });
}
