import type * as http from 'node:http';
import type * as http2 from 'node:http2';
import type * as net from 'node:net';

const preface = Buffer.from('PRI');

/** Takes a connection that speaks HTTP/1.1; `seen` are its first bytes, where some were read. */
export type ToH1 = (socket: net.Socket, seen?: Buffer) => void;

/** Tells HTTP/1.1 and HTTP/2 in cleartext apart by their first bytes, which have to come within `waitMs`. */
export function routeByPreface(socket: net.Socket, waitMs: number, toH1: ToH1, h2: http2.Http2Server): void {
  let seen: Buffer = Buffer.alloc(0);
  const giveUp = (): void => {
    socket.destroy();
  };
  const decide = (chunk: Buffer): void => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const compared = Math.min(seen.length, preface.length);
    const same = seen.compare(preface, 0, compared, 0, compared) === 0;
    if (same && compared < preface.length) return;
    socket.off('data', decide);
    socket.off('end', giveUp);
    socket.off('timeout', giveUp);
    socket.setTimeout(0);
    if (!same) {
      toH1(socket, seen);
      return;
    }
    socket.allowHalfOpen = false;
    handOver(h2, socket, seen);
  };
  socket.setTimeout(waitMs);
  socket.once('timeout', giveUp);
  socket.once('end', giveUp);
  socket.on('data', decide);
}

/** Gives a connection to a server of Node's as if `seen` were its first bytes. */
export function handOver(server: http.Server | http2.Http2Server, socket: net.Socket, seen: Buffer): void {
  socket.pause();
  socket.unshift(seen);
  server.emit('connection', socket);
  process.nextTick(() => socket.resume());
}
