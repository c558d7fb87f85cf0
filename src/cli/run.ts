import { ConfigError } from '../config/problem.ts';
import { Exit, UsageError, type Verb } from './verb.ts';

/** Every verb, loaded only when it is asked for: each brings packages that the others do without. */
const verbs: Readonly<Record<string, () => Promise<Verb>>> = {
  serve: async () => (await import('./serve.ts')).serve,
  'check-config': async () => (await import('./check-config.ts')).checkConfig,
  simulate: async () => (await import('./simulate.ts')).simulate,
  call: async () => (await import('./call.ts')).call,
  health: async () => (await import('./health.ts')).health,
  limits: async () => (await import('./limits.ts')).limits,
  audit: async () => (await import('./audit.ts')).audit,
  keygen: async () => (await import('./keygen.ts')).keygen,
  version: async () => (await import('./version.ts')).version,
  help: async () => (await import('./help.ts')).help,
  'config-reference': async () => (await import('./config-reference.ts')).configReference,
};

const spellings: Readonly<Record<string, string>> = {
  '--help': 'help',
  '-h': 'help',
  '--version': 'version',
  '-v': 'version',
};

function find(name: string): Promise<Verb> {
  const load = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (load === undefined) throw new UsageError(`there is no verb '${name}'`);
  return load();
}

/** The verb of a command line and what follows it: `serve` where none is named, `X --help` for `help X`. */
function split(argv: readonly string[]): [string, readonly string[]] {
  const [first, second] = argv;
  const verb = first === undefined ? undefined : spellings[first];
  if (first === undefined || (verb === undefined && first.startsWith('-'))) return ['serve', argv];
  if (first === 'help' && second !== undefined) return [second, ['--help']];
  return [verb ?? first, argv.slice(1)];
}

/** Runs a command line without the program's name; resolves with the exit code. What went wrong is on stderr. */
export async function run(argv: readonly string[]): Promise<number> {
  const [name, args] = split(argv);
  try {
    const verb = await find(name);
    const options = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
    if (options.includes('--help') || options.includes('-h')) {
      process.stdout.write(`${verb.usage}\n`);
      return Exit.OK;
    }
    return await verb.run(args);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`llm-bridge: ${error.message}\nSee 'llm-bridge help'.\n`);
      return Exit.USAGE;
    }
    if (error instanceof ConfigError) {
      const count = error.problems.length;
      process.stderr.write(`${error.message}\nllm-bridge: ${count} configuration error${count === 1 ? '' : 's'}\n`);
      return Exit.CONFIG;
    }
    throw error;
  }
}
