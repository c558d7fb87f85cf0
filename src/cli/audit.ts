import { readFileSync } from 'node:fs';
import { parseSecret } from '../crypto/key-ring.ts';
import type { Anchor } from '../telemetry/audit/events.ts';
import { type Finding, type Verification, verifyAudit } from '../telemetry/audit/verify.ts';
import { parse } from './arguments.ts';
import { Exit, UsageError, type Verb } from './verb.ts';

const variable = 'LLMBRIDGE_MONITORING__AUDIT__KEY';

const usage = `llm-bridge audit verify FILE... [options]

Tells whether audit logs are as the gateway wrote them: lines that were changed, deleted, inserted or moved are told by
their numbers. Give all files of a chain, in any order. The key is monitoring.audit.key, from a file or from
${variable}.

      --key-file FILE   the key, as text
      --anchor C:N:MAC  a place that the chain C was told to be at: record N with this MAC; may be given several times
      --anchors FILE    a gateway's log, whose audit_anchor lines are such places
      --complete        fail, too, unless each chain begins at record 0 and ends with its end

Exit codes: 0 as written, 1 not so, 64 bad command line, 66 a file can't be read.`;

/** A file can't be read. */
class InputError extends Error {
  override readonly name = 'InputError';
}

function readInput(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

const unreadable = (file: string, cause: unknown) =>
  new InputError(`${file} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? 'unknown error'}`);

function keyFrom(file: string | undefined): Buffer {
  const text = file === undefined ? process.env[variable] : readInput(file).trim();
  if (text === undefined || text === '') throw new UsageError(`give the key by --key-file or ${variable}`);
  const key = parseSecret(text);
  if (key === undefined)
    throw new UsageError(`the key in ${file ?? variable} must be 256 bits, in base64, base64url or hex`);
  return key;
}

function anchorOf(text: string): Anchor {
  const [, chain, seq, mac] = /^([0-9a-f]+):(\d+):([0-9a-f]{64})$/.exec(text) ?? [];
  if (chain === undefined || mac === undefined)
    throw new UsageError(`an anchor is CHAIN:NUMBER:MAC, not '${text.slice(0, 100)}'`);
  return { chain, seq: Number(seq), mac };
}

/** The anchors among the lines of a log. */
function* anchorsIn(log: string): Generator<Anchor> {
  for (const line of log.split('\n')) {
    if (!line.includes('"audit_anchor"')) continue;
    try {
      const { event, chain, seq, mac } = JSON.parse(line) as Readonly<Record<string, unknown>>;
      if (event === 'audit_anchor') yield anchorOf(`${chain}:${seq}:${mac}`);
    } catch {
      // Some other line that happens to have the words in it, or one that was cut.
    }
  }
}

const placed = ({ file, line, text }: Finding) =>
  file === '' ? text : line === 0 ? `${file}: ${text}` : `${file}:${line}: ${text}`;

/** What is incomplete where completeness is asked for. */
const incomplete = ({ chains }: Verification): string[] =>
  chains.flatMap(({ chain, first, closed }) => [
    ...(first > 0 ? [`chain ${chain} does not begin at record 0`] : []),
    ...(closed ? [] : [`chain ${chain} does not end with its end`]),
  ]);

function report(found: Verification, complete: boolean): number {
  const print = (text: string) => process.stdout.write(`${text}\n`);
  for (const finding of found.problems) print(placed(finding));
  for (const finding of found.notes) print(`${placed(finding)} (note)`);
  const lacks = complete ? incomplete(found) : [];
  for (const text of lacks) print(text);
  for (const { chain, files, first, last, closed } of found.chains) {
    const end = closed ? 'closed' : 'not closed: still written, killed, or cut off at the end';
    print(`chain ${chain}: records ${first} to ${last} in ${files} file${files === 1 ? '' : 's'}, ${end}`);
  }
  const count = found.problems.length + lacks.length;
  print(count === 0 ? 'as written' : `${count} problem${count === 1 ? '' : 's'}`);
  return count === 0 ? Exit.OK : Exit.FAILED;
}

export const audit: Verb = {
  usage,
  async run(args) {
    const { values, positionals } = parse({
      args: [...args],
      options: {
        'key-file': { type: 'string' },
        anchor: { type: 'string', multiple: true },
        anchors: { type: 'string' },
        complete: { type: 'boolean' },
      },
      allowPositionals: true,
    });
    const [action, ...files] = positionals;
    if (action !== 'verify' || files.length === 0) throw new UsageError('say audit verify FILE...');
    try {
      const key = keyFrom(values['key-file']);
      const anchors = (values.anchor ?? []).map(anchorOf);
      if (values.anchors !== undefined) anchors.push(...anchorsIn(readInput(values.anchors)));
      const found = await verifyAudit(files, key, anchors).catch((cause: unknown) => {
        const { path, code } = cause as NodeJS.ErrnoException;
        throw code === undefined ? cause : unreadable(path ?? files.join(', '), cause);
      });
      return report(found, values.complete === true);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      process.stderr.write(`llm-bridge: ${error.message}\n`);
      return Exit.NO_INPUT;
    }
  },
};
