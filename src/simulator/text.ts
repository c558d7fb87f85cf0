import type { Query } from './query.ts';
import { Random } from './random.ts';
import { tokenize } from './tokens.ts';

const QUOTED_TOKENS = 24;

const greetings = ['Hello!', 'Hi there!', 'Good day!', 'Nice to hear from you!'];
const closings = [
  'Point a provider at a real model when you want a real one.',
  'Everything around it works as with a real model.',
  'Ask me anything; I will be just as imaginary next time.',
];
const greetingsChinese = ['你好！', '您好！', '很高兴收到你的消息！'];

const filler =
  'This sentence fills a simulated answer with as many words as were asked for, and then it starts over from its beginning.';
const fillerChinese = '这句话用来填充模拟回答，直到达到所要求的长度，然后再从头开始。';
const thought =
  'The user asked something, so a simulated thought passes by, weighs it from several sides, and moves on.';

/** The last turn of a role, or undefined. */
const lastOf = (query: Query, role: string) => query.turns.findLast((turn) => turn.role === role);

/** The last user message's text. */
export const askedText = (query: Query): string => lastOf(query, 'user')?.text ?? '';

const isChinese = (text: string): boolean => {
  const han = text.match(/\p{Script=Han}/gu)?.length ?? 0;
  return han > 0 && han * 2 >= text.replace(/[\s\p{P}\d]/gu, '').length / 2;
};

function clip(text: string): string {
  const pieces = tokenize(text.trim());
  return pieces.length <= QUOTED_TOKENS ? text.trim() : `${pieces.slice(0, QUOTED_TOKENS).join('').trim()} …`;
}

/** A short, friendly answer that says what it is. */
export function defaultText(query: Query, random: Random): string {
  const asked = askedText(query);
  const result = query.turns.at(-1)?.role === 'tool' ? lastOf(query, 'tool')?.text : undefined;
  if (isChinese(asked)) {
    const greeting = random.pick(greetingsChinese) ?? '';
    return result === undefined
      ? `${greeting}这是 llm-bridge 的模拟回答，没有调用真实的模型。你说的是：“${clip(asked)}”`
      : `工具返回：${clip(result)}。这是 llm-bridge 的模拟回答。`;
  }
  if (result !== undefined) return `The tool answered: ${clip(result)} (This is a simulated answer from llm-bridge.)`;
  const opening = `${random.pick(greetings)} This is a simulated answer from llm-bridge; no model was asked.`;
  return asked.trim() === ''
    ? `${opening} Your message had no text.`
    : `${opening} You said: "${clip(asked)}" ${random.pick(closings)}`;
}

/** The pieces of `text`, cut or filled up to exactly `count`. */
export function piecesOf(text: string, count: number): string[] {
  const pieces = tokenize(text);
  const more = tokenize(isChinese(text) ? fillerChinese : ` ${filler}`);
  for (let i = 0; pieces.length < count; i++) pieces.push(more[i % more.length] as string);
  pieces.length = count;
  return pieces;
}

/** Reasoning of exactly `count` tokens. */
export function reasoningPieces(count: number): string[] {
  const pieces = tokenize(` ${thought}`);
  return Array.from({ length: count }, (_, i) =>
    i === 0 ? (pieces[0] as string).trimStart() : (pieces[i % pieces.length] as string),
  );
}

/** A seeded source for one of the answers of a query. */
export const randomOf = (seed: number, index: number): Random => new Random(seed + index * 0x9e37_79b9);
