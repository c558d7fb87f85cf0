import { describe, expect, it } from 'vitest';
import { ChatCompletionResponse, StreamChatCompletionResponse } from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { GatewayReport } from '../../gen/ts-proto/llmbridge/v1/report.ts';
import { Usage } from '../../gen/ts-proto/llmbridge/v1/usage.ts';
import { createStreamPrinter, outcomeLine, painter, wholeText } from './call-output.ts';

const unpainted = painter(output(false).out);
const asItIs = (text: string) => text;
const usage = Usage.fromPartial({ promptTokens: 12, completionTokens: 34 });

/** A terminal of 10 rows, or a file, that keeps what is written to it. */
function output(isTTY: boolean) {
  let text = '';
  const write = (more: string) => {
    text += more;
    return true;
  };
  const out = { isTTY, rows: 10, columns: 40, hasColors: () => true, write };
  return { out: out as unknown as NodeJS.WriteStream, text: () => text };
}

const piece = (delta: object) => StreamChatCompletionResponse.fromPartial({ model: 'm', choices: [{ delta }] });

describe('the line at the end', () => {
  it('has what is known', () => {
    expect(outcomeLine({ model: 'm', elapsedMs: 5.4 })).toBe('m · 5 ms');
    const report = GatewayReport.fromPartial({ provider: 'p', simulated: true, costUsd: 0.00123, attempts: [{}, {}] });
    expect(outcomeLine({ model: 'm', usage, report, elapsedMs: 1100, firstTokenMs: 100 })).toBe(
      'm · p · 12 + 34 tokens · 1100 ms · first token 100 ms · 34.0 tokens/s · $0.00123 · 2 attempts · simulated',
    );
  });
});

describe('a whole answer', () => {
  it('shows reasoning, text, refusal and tool calls, each choice under its number', () => {
    const toolCalls = [{ name: 'f', arguments: '{"a":1}' }];
    const one = ChatCompletionResponse.fromPartial({
      choices: [{ message: { reasoningContent: 'hm', content: 'yes', toolCalls } }],
    });
    expect(wholeText(one, unpainted, asItIs)).toBe('hm\nyes\nf({"a":1})');
    const two = ChatCompletionResponse.fromPartial({
      choices: [{ message: { content: 'a' } }, { index: 1, message: { refusal: 'b' } }],
    });
    expect(wholeText(two, unpainted, asItIs)).toBe('[0]\na\n[1]\nb');
    expect(wholeText(one, unpainted, (text) => text.toUpperCase())).toBe('HM\nYES\nF({"A":1})');
  });
});

describe('a streamed answer', () => {
  it('runs on, and begins a line for what is of another kind', () => {
    const { out, text } = output(false);
    const printer = createStreamPrinter(out, unpainted, () => 0);
    for (const delta of [
      { reasoningContent: 'h' },
      { reasoningContent: 'm' },
      { content: 'a' },
      { content: 'b' },
      { toolCalls: [{ index: 0, name: 'f', arguments: '{' }] },
      { toolCalls: [{ index: 0, arguments: '}' }] },
    ])
      printer.chunk(piece(delta));
    printer.close();
    printer.close();
    expect(text()).toBe('hm\nab\nf {}\n');
  });

  it('knows the time of the first text, and keeps the last usage', () => {
    let now = 100;
    const printer = createStreamPrinter(output(false).out, unpainted, () => now);
    printer.chunk(piece({ role: 4 }));
    now = 150;
    printer.chunk(piece({ content: 'a' }));
    printer.chunk(StreamChatCompletionResponse.fromPartial({ usage }));
    expect(printer.outcome()).toEqual({ model: 'm', usage, report: undefined, firstTokenMs: 50 });
  });

  it('shows its rate in the last row of a terminal, and gives the row back', () => {
    const { out, text } = output(true);
    let now = 0;
    const printer = createStreamPrinter(out, unpainted, () => now);
    expect(text()).toContain('\x1b[1;9r');
    for (const content of ['a', 'b', 'c']) {
      now += 200;
      printer.chunk(piece({ content }));
    }
    expect(text()).toContain('m · ~3 tokens · 5.0 tokens/s');
    printer.close();
    expect(text()).toContain('\x1b[r');
  });

  it('shows a terminal nothing to act on, however it is cut', () => {
    const attack = ['a\x1b', '[2J\x1b]0;ti', 'tle\x07b\x9b', '31mc\r'];
    const run = (isTTY: boolean) => {
      const { out, text } = output(isTTY);
      Object.assign(out, { rows: 0 });
      const printer = createStreamPrinter(out, unpainted, () => 0);
      for (const content of attack) printer.chunk(piece({ content }));
      printer.chunk(piece({ reasoningContent: 'd\x1b]' }));
      printer.chunk(piece({ toolCalls: [{ index: 0, name: 'f\x07', arguments: '\x1b[1m{}' }] }));
      printer.close();
      return text();
    };
    expect(run(true)).toBe('abc\nd\nf {}\n');
    expect(run(false)).toBe(`${attack.join('')}\nd\x1b]\nf\x07 \x1b[1m{}\n`);
  });

  it('names a model in the last row without what is in the name', () => {
    const { out, text } = output(true);
    let now = 0;
    const printer = createStreamPrinter(out, unpainted, () => now);
    now = 200;
    const choices = [{ delta: { content: 'a' } }];
    printer.chunk(StreamChatCompletionResponse.fromPartial({ model: 'm\x1b[5m', choices }));
    expect(text()).toContain('m · ~1 tokens');
  });
});
