import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readEnvironment } from './environment.ts';
import { inTemporaryDirectory } from './testing/load-text.ts';

const names = ['DOTENV_TEST_NEW', 'DOTENV_TEST_SET', 'DOTENV_TEST_QUOTED'] as const;

describe('.env', () => {
  afterEach(() => {
    for (const name of names) delete process.env[name];
  });

  it('adds to the environment, and does not replace what is set', () => {
    process.env['DOTENV_TEST_SET'] = 'real';
    inTemporaryDirectory((directory) => {
      const text = '# a comment\nDOTENV_TEST_NEW=new # why\nexport DOTENV_TEST_QUOTED="a b"\nDOTENV_TEST_SET=file\n';
      writeFileSync(join(directory, '.env'), text);
      const env = readEnvironment(directory);
      expect(names.map((name) => env[name])).toEqual(['new', 'real', 'a b']);
    });
  });

  it('need not be there', () => {
    inTemporaryDirectory((directory) => expect(readEnvironment(directory)['PATH']).toBe(process.env['PATH']));
  });
});
