import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** One file under src/, by its path from the root with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** All TypeScript files under src/. */
export const sourceFiles = (): SourceFile[] =>
  readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(root, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }));

export const isTest = ({ path }: SourceFile): boolean => path.endsWith('.test.ts') || path.includes('/testing/');

// Comments and strings in one pass, so that a quote in a comment opens no string.
const token = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

/** The source without its comments; lines stay where they are. */
export const withoutComments = (text: string): string =>
  text.replace(token, (match) => (match[0] === '/' ? match.replace(/[^\n]/g, '') : match));

/** A string literal, and the code before it on its line. */
export interface Literal {
  readonly value: string;
  readonly before: string;
}

/** Every string literal of the source, imports left out. */
export const literals = (text: string): Literal[] =>
  [...withoutComments(text).matchAll(token)]
    .map(({ 0: match, index, input }) => ({
      value: match.slice(1, -1),
      before: input.slice(input.lastIndexOf('\n', index) + 1, index),
    }))
    .filter(({ before }) => !/\b(?:from|import)\s*\(?\s*$/.test(before));

const specifier = /\b(?:from|import)\s*\(?\s*(['"])([^'"\n]+)\1/g;

/** The files of ours that a file imports, by their paths from the root. */
export const imports = ({ path, text }: SourceFile): string[] =>
  [...withoutComments(text).matchAll(specifier)]
    .map(({ 2: name = '' }) => name)
    .filter((name) => name.startsWith('.'))
    .map((name) =>
      normalize(join(dirname(path), name))
        .split(sep)
        .join('/'),
    );
