import type {
  ChatCompletionResponse,
  StreamChatCompletionResponse,
} from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import type { GatewayReport } from '../../gen/ts-proto/llmbridge/v1/report.ts';
import type { Usage } from '../../gen/ts-proto/llmbridge/v1/usage.ts';
import { openStatusLine } from './status-line.ts';
import { type Plain, plain, plainWriter } from './terminal-text.ts';

const STYLES = { dim: '2', red: '31', cyan: '36' } as const;
type Style = keyof typeof STYLES;

/** How often the rate of tokens is shown anew. */
const REDRAW_MS = 100;

/** Wraps text in a colour, where the stream is a terminal that wants any (NO_COLOR). */
export type Paint = (style: Style, text: string) => string;

export const painter = (stream: NodeJS.WriteStream): Paint =>
  stream.isTTY && stream.hasColors() ? (style, text) => `\x1b[${STYLES[style]}m${text}\x1b[0m` : (_, text) => text;

/** What is known of an answer when it is over, for the line at its end. */
interface Outcome {
  readonly model: string;
  readonly usage?: Usage | undefined;
  readonly report?: GatewayReport | undefined;
  readonly elapsedMs: number;
  readonly firstTokenMs?: number | undefined;
}

/** `small · main · 12 + 34 tokens · 532 ms` and what else is known. */
export function outcomeLine({ model, usage, report, elapsedMs, firstTokenMs }: Outcome): string {
  const parts = [model];
  if (report !== undefined) parts.push(report.provider);
  if (usage !== undefined) parts.push(`${usage.promptTokens} + ${usage.completionTokens} tokens`);
  parts.push(`${Math.round(elapsedMs)} ms`);
  if (firstTokenMs !== undefined) {
    parts.push(`first token ${Math.round(firstTokenMs)} ms`);
    const writing = elapsedMs - firstTokenMs;
    if (usage !== undefined && writing > 0) parts.push(`${rate(usage.completionTokens, writing)} tokens/s`);
  }
  if (report?.costUsd !== undefined) parts.push(`$${report.costUsd.toPrecision(3)}`);
  if (report !== undefined && report.attempts.length > 1) parts.push(`${report.attempts.length} attempts`);
  if (report?.cacheHit) parts.push('from the cache');
  if (report?.simulated) parts.push('simulated');
  return parts.filter((part) => part !== '').join(' · ');
}

const rate = (tokens: number, ms: number) => (tokens / (ms / 1000)).toFixed(tokens / ms > 0.1 ? 0 : 1);

/** A whole answer as text: reasoning dimmed, tool calls on lines of their own. `clean` is run over the model's text. */
export function wholeText(response: ChatCompletionResponse, paint: Paint, clean: Plain): string {
  const { choices } = response;
  const texts = choices.map(({ index, message }) => {
    const lines: string[] = choices.length > 1 ? [paint('cyan', `[${index}]`)] : [];
    if (message?.reasoningContent) lines.push(paint('dim', clean(message.reasoningContent)));
    if (message?.content) lines.push(clean(message.content));
    if (message?.refusal) lines.push(paint('red', clean(message.refusal)));
    for (const call of message?.toolCalls ?? []) lines.push(paint('cyan', clean(`${call.name}(${call.arguments})`)));
    return lines.join('\n');
  });
  return texts.join('\n');
}

/** Prints a streamed answer as it comes, with the rate of its tokens in the terminal's last row. */
export interface StreamPrinter {
  chunk(chunk: StreamChatCompletionResponse): void;
  /** Ends the text; may be called twice. */
  close(): void;
  outcome(): Omit<Outcome, 'elapsedMs'>;
}

/** `now` in milliseconds; the first chunk with text sets the time of the first token, counted from this call on. */
export function createStreamPrinter(out: NodeJS.WriteStream, paint: Paint, now: () => number): StreamPrinter {
  const startedAt = now();
  const canHoldStatus = out.isTTY && out.rows > 2 && out.hasColors();
  const status = canHoldStatus ? openStatusLine(out) : undefined;
  let shownAt = Number.NEGATIVE_INFINITY;
  let model = '';
  let usage: Usage | undefined;
  let report: GatewayReport | undefined;
  let firstTokenAt: number | undefined;
  let pieces = 0;
  let section = '';
  let written = '';
  let clean = plainWriter(out);

  /** Text of one kind and choice runs on; another begins on a new line. */
  function write(kind: string, text: string, style?: Style): void {
    if (text === '') return;
    firstTokenAt ??= now();
    pieces++;
    if (section !== '' && section !== kind) {
      out.write('\n');
      clean = plainWriter(out);
    }
    section = kind;
    const shown = clean(text);
    if (shown === '') return;
    written = shown;
    out.write(style === undefined ? shown : paint(style, shown));
  }

  function showRate(): void {
    if (status === undefined || firstTokenAt === undefined || now() - shownAt < REDRAW_MS) return;
    shownAt = now();
    const tokens = usage?.completionTokens || pieces;
    const seconds = (shownAt - firstTokenAt) / 1000;
    const speed = tokens > 2 && seconds > 0 ? ` · ${((tokens - 1) / seconds).toFixed(1)} tokens/s` : '';
    status.show(`${model} · ${usage?.completionTokens ? '' : '~'}${tokens} tokens${speed}`);
  }

  return {
    chunk(chunk) {
      model = plain(out, chunk.model) || model;
      usage = chunk.usage ?? usage;
      report = chunk.report ?? report;
      for (const { index, delta } of chunk.choices) {
        if (delta === undefined) continue;
        write(`reasoning ${index}`, delta.reasoningContent, 'dim');
        write(`text ${index}`, delta.content);
        write(`refusal ${index}`, delta.refusal, 'red');
        for (const call of delta.toolCalls) {
          const opening = call.name === '' ? '' : `${call.name} `;
          write(`tool ${index} ${call.index}`, opening + call.arguments, 'cyan');
        }
      }
      showRate();
    },
    close() {
      status?.close();
      if (written !== '' && !written.endsWith('\n')) out.write('\n');
      written = '';
    },
    outcome: () => ({
      model,
      usage,
      report,
      firstTokenMs: firstTokenAt === undefined ? undefined : firstTokenAt - startedAt,
    }),
  };
}
