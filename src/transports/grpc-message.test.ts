import * as http2 from 'node:http2';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { chat, unaryPath } from '../../test/support/chat.ts';
import { envelope, openPort, requestH2 } from '../../test/support/port.ts';
import { Fault } from '../kernel/fault.ts';
import { encodeMessage } from './grpc-message.ts';

it('escapes what a header cannot carry, and percent signs, and nothing else', () => {
  expect(encodeMessage('a: b, c/d?e=~ "x"')).toBe('a: b, c/d?e=~ "x"');
  expect(encodeMessage('100% – ok\n\u{7f}')).toBe('100%25 %E2%80%93 ok%0A%7F');
  expect(encodeMessage('\ud800x')).toBe('%EF%BF%BDx');
});

it('is undone by percent-decoding', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const encoded = encodeMessage(text);
      expect(encoded).toMatch(/^[ -~]*$/);
      expect(decodeURIComponent(encoded)).toBe(text);
    }),
  );
});

it.each([true, false])('is sent so (lanes %s)', async (lanes) => {
  const unary = (): Promise<void> => Promise.reject(new Fault('NOT_FOUND', 'no model "a: b", 100% – sure'));
  const { server, url } = await openPort(chat({ unary }), { lanes });
  const session = http2.connect(url);
  try {
    const headers = { ':path': unaryPath, 'content-type': 'application/grpc' };
    const { trailers } = await requestH2(session, headers, envelope(Buffer.alloc(0)));
    expect(trailers['grpc-message']).toBe('no model "a: b", 100%25 %E2%80%93 sure');
  } finally {
    session.close();
    await server.close();
  }
});
