import { describe, expect, test } from 'vitest';
import { plain, plainJson, plainWriter } from './terminal-text.ts';

const terminal = { isTTY: true } as NodeJS.WriteStream;
const pipe = { isTTY: false } as NodeJS.WriteStream;

describe('text of others on a terminal', () => {
  test.each([
    ['colours', 'a\x1b[31;1mb\x1b[0mc', 'abc'],
    ['a window title', 'a\x1b]0;owned\x07b', 'ab'],
    ['a link, ended by ST', '\x1b]8;;https://evil.example\x1b\\text\x1b]8;;\x1b\\', 'text'],
    ['the clipboard', 'a\x1b]52;c;cm0gLXJm\x07b', 'ab'],
    ['device control', 'a\x1bP$q"p\x1b\\b', 'ab'],
    ['C1 forms', 'a\x9b31mb\x9d0;x\x9cc\x90q\x07d\x85e', 'abcde'],
    ['a reset and a charset', 'a\x1bcb\x1b(0c', 'abc'],
    ['bell, backspace, carriage return, DEL', 'a\x07b\x08c\rd\x7fe\0f', 'abcdef'],
    ['a sequence within a sequence', 'a\x1b[\x1b[2Jb', 'ab'],
    ['what never ends, to the end of its line', 'a\x1b]0;b\nc\x1b[1\nd', 'a\nc\nd'],
    ['a sequence cut by a letter that is none of its own', 'a\x1b[1éb', 'aéb'],
  ])('%s', (_name, text, shown) => {
    expect(plain(terminal, text)).toBe(shown);
    for (let cut = 0; cut <= text.length; cut++) {
      const write = plainWriter(terminal);
      expect(write(text.slice(0, cut)) + write(text.slice(cut))).toBe(shown);
    }
    expect(plain(pipe, text)).toBe(text);
  });

  test('lines, tabs and all scripts stay', () => {
    const text = 'one\ttwo\n¡três! 日本 👩‍👩‍👧 \u00a0';
    expect(plain(terminal, text)).toBe(text);
    expect(plain(terminal, `\x07${text}`)).toBe(text);
  });

  test('JSON keeps its value', () => {
    const value = { text: '\x1b[1m\x9b31m\x7f' };
    const json = JSON.stringify(value);
    expect(plainJson(terminal, json)).toBe('{"text":"\\u001b[1m\\u009b31m\\u007f"}');
    expect(JSON.parse(plainJson(terminal, json))).toEqual(value);
    expect(plainJson(pipe, json)).toBe(json);
  });
});
