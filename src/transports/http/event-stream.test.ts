import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { EventStream } from './event-stream.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** All that a caller receives, as text, until the connection closes. */
async function answerTo(version: string, write: (stream: EventStream) => void): Promise<string> {
  const server = http.createServer((_, response) => {
    response.sendDate = false;
    const stream = new EventStream(response, () => ({ 'content-type': 'text/event-stream' }));
    stream.begin();
    write(stream);
  });
  server.listen(0, '127.0.0.1');
  closing.push(() => server.close());
  await once(server, 'listening');
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(`GET / HTTP/${version}\r\nhost: x\r\nconnection: close\r\n\r\n`);
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes.toString();
  });
  await once(socket, 'close');
  return text;
}

const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4);

describe('what is written to a stream of events', () => {
  it('goes out in one chunk a turn, the last of it with the end', async () => {
    const answer = await answerTo('1.1', (stream) => {
      stream.write('é');
      stream.write('b');
      setImmediate(() => {
        stream.write('c');
        stream.end('d');
      });
    });
    expect(answer).toContain('Transfer-Encoding: chunked');
    expect(bodyOf(answer)).toBe('3\r\néb\r\n2\r\ncd\r\n0\r\n\r\n');
  });

  it('ends well with nothing in it', async () => {
    const answer = await answerTo('1.1', (stream) => stream.end(''));
    expect(bodyOf(answer)).toBe('0\r\n\r\n');
  });

  it('is not framed for a caller that knows no chunks', async () => {
    const answer = await answerTo('1.0', (stream) => {
      stream.write('a');
      stream.end('b');
    });
    expect(answer).not.toContain('chunked');
    expect(bodyOf(answer)).toBe('ab');
  });

  it('is not kept waiting once it is much', async () => {
    const answer = await answerTo('1.1', (stream) => {
      stream.write('x'.repeat(65_536));
      stream.end('y');
    });
    expect(bodyOf(answer)).toBe(`10000\r\n${'x'.repeat(65_536)}\r\n1\r\ny\r\n0\r\n\r\n`);
  });
});
