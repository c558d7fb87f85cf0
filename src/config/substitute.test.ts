// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what these tests are about.
import { describe, expect, it } from 'vitest';
import { errorsOf, loadText } from './testing/load-text.ts';

const at = (host: string, env = {}) =>
  loadText(`providers: { s: { type: simulator } }\nserver: { host: '${host}' }`, env).config.server.host;

describe('${NAME} in a file', () => {
  it('reads the environment', () => {
    expect(at('a-${X}-b', { X: 'x' })).toBe('a-x-b');
    expect(at('${X:-d}', { X: 'x' })).toBe('x');
    expect(at('${X:-d}')).toBe('d');
    expect(at('${X:-d}', { X: '' })).toBe('d');
    expect(at('${X:-a:b}${Y:-c}')).toBe('a:bc');
    expect(at('$${X}')).toBe('${X}');
    expect(at('$X')).toBe('$X');
  });

  it('is put in after parsing: a value cannot change the structure', () => {
    expect(at('${X}', { X: "a', port: 1, reflection: '" })).toBe("a', port: 1, reflection: '");
  });

  it('does not read what it has put in', () => {
    expect(at('${X}', { X: '${Y}', Y: 'y' })).toBe('${Y}');
  });

  it('makes numbers and truth values where those belong', () => {
    const { config } = loadText(
      'providers: { s: { type: simulator } }\nserver: { port: "${PORT:-9}", reflection: "${R:-false}", host: "${H:-7}" }',
    );
    expect(config.server).toMatchObject({ port: 9, reflection: false, host: '7' });
  });

  it('is an error where it is unset or malformed', () => {
    const text = 'providers: { s: { type: simulator } }\nserver:\n  host: ${NO_SUCH}\n  port: ${}';
    expect(errorsOf(text)).toEqual([
      '3:9: server.host: the variable NO_SUCH is not set; ${NO_SUCH:-...} gives it a default',
      expect.stringMatching(/^4:9: server\.port: a \$\{ without a name/),
    ]);
  });
});
