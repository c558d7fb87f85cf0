import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatChunk } from '../../kernel/messages.ts';
import { ChunkReader } from './answers.ts';

const head = { id: 'c1', object: 'chat.completion.chunk', created: 7, model: 'm', system_fingerprint: 'f' };

interface Piece {
  readonly content: string;
  readonly padding?: string | undefined;
}

const eventOf = ({ content, padding }: Piece): string =>
  JSON.stringify({
    ...head,
    choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null }],
    usage: null,
    ...(padding !== undefined && { obfuscation: padding }),
  });

const first = JSON.stringify({ ...head, choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] });

function read(events: readonly string[]): ChatChunk[] {
  const reader = new ChunkReader('openai', {});
  const chunks: ChatChunk[] = [];
  for (const data of [first, ...events]) reader.push({ event: '', data }, (chunk) => chunks.push(chunk));
  return chunks;
}

/** The same events, of no two of which the text around the words is the same. */
const unlike = (events: readonly string[]): string[] => events.map((event, i) => `{${' '.repeat(i)}${event.slice(1)}`);

const words = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constantFrom('\ud83d', '\ude00', '\\', '"', '\n', '","content":"', '"},"logprobs":null,"finish_reason":null}]'),
);

describe('events that are alike but for their words', () => {
  it('say the same as when each is read whole', () => {
    const pieces = fc.array(fc.record({ content: words, padding: fc.option(fc.string(), { nil: undefined }) }));
    fc.assert(
      fc.property(pieces, fc.boolean(), (all, padded) => {
        const events = all.map((piece) =>
          eventOf(padded ? { ...piece, padding: piece.padding ?? '' } : { content: piece.content }),
        );
        expect(read(events)).toEqual(read(unlike(events)));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['a bare control character', '"content":"b\u0001"'],
    ['an escape that is none', '"content":"b\\x"'],
    ['no end', '"content":"b'],
    ['half an escape', '"content":"b\\u12"'],
  ])('are refused as any other with %s', (_, member) => {
    const event = eventOf({ content: 'b' });
    const bad = event.replace('"content":"b"', member);
    expect(bad).not.toBe(event);
    expect(() => read([eventOf({ content: 'a' }), bad])).toThrow('not a JSON object');
  });

  it('are known again after one of another form', () => {
    const event = eventOf({ content: 'b' });
    const other = event.replace('"logprobs":null', '"logprobs":null,"own":1');
    const chunks = read([eventOf({ content: 'a' }), other, event]);
    expect(chunks.map(({ choices }) => choices[0]?.delta?.content)).toEqual(['', 'a', 'b', 'b']);
    expect(chunks.map(({ choices }) => choices[0]?.extra)).toEqual([{}, {}, { openai: '{"own":1}' }, {}]);
  });

  it('of an error are none', () => {
    const reader = new ChunkReader('openai', {});
    for (const content of ['', 'a', 'b']) reader.push({ event: '', data: eventOf({ content }) }, () => {});
    expect(() => reader.push({ event: 'error', data: eventOf({ content: 'c' }) }, () => {})).toThrow();
  });
});
