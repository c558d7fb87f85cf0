import fc from 'fast-check';
import { answerCases } from './answers.ts';

const corpus = answerCases.map(({ bytes }) => Buffer.from(bytes.slice(0, 4_000), 'latin1'));
/** Known answers, changed in a few places. */
export const spoilt = fc
  .tuple(
    fc.constantFrom(...corpus),
    fc.array(
      fc.record({
        at: fc.nat({ max: 1_000 }),
        removed: fc.nat({ max: 4 }),
        put: fc.oneof(
          fc.uint8Array({ maxLength: 3 }),
          fc
            .constantFrom('\r', '\n', '\r\n', '\0', ' ', ':', ';', '0', 'f', 'chunked', 'Content-Length: 1\r\n')
            .map((one) => Buffer.from(one)),
        ),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([base, changes]) =>
    changes.reduce((bytes, { at, removed, put }) => {
      const place = Math.floor((at / 1_000) * bytes.length);
      return Buffer.concat([bytes.subarray(0, place), put, bytes.subarray(place + removed)]);
    }, base),
  );
