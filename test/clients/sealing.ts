import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cache, type PartName, part, root } from '../support/parts.ts';
import { type Outcome, type RunOptions, run, runOk } from '../support/process.ts';
import { built, generatePython, pythonStubs } from './programs.ts';

/** A sealing client of clients/, by its example program. */
export interface SealingClient {
  readonly name: string;
  readonly needs: readonly PartName[];
  /** What its example speaks; each has a streamed form, with `-stream` behind it. */
  readonly surfaces: readonly ('connect' | 'grpc' | 'http')[];
  build(): Promise<void>;
  /** Checks docs/sealing-vectors.json; rejects where one does not come out. */
  checkVectors(): Promise<unknown>;
  /** Runs the example with these arguments. */
  example(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Outcome>;
}

const folder = (language: string): string => join(root, 'clients', language);

const typescript: SealingClient = {
  name: 'TypeScript',
  needs: [],
  surfaces: ['connect', 'grpc', 'http'],
  build: async () => {},
  // Its own tests do.
  checkVectors: async () => {},
  example: (args, env) => run(process.execPath, [join(folder('typescript'), 'example.ts'), ...args], { env }),
};

const goBinary = join(cache, 'bin/go-sealing-example');
const go: SealingClient = {
  name: 'Go',
  needs: ['go', 'protoc-gen-go', 'protoc-gen-go-grpc'],
  surfaces: ['grpc', 'http'],
  build: built(async () => {
    await runOk('buf', ['generate', '--template', join(folder('go'), 'buf.gen.yaml')], {
      env: { PATH: `${join(cache, 'bin')}:${process.env['PATH']}` },
    });
    const gofmt = join(dirname(part('go')), 'gofmt');
    const unformatted = await runOk(
      gofmt,
      ['-l', 'example', 'grpcsealing', ...globSync('*.go', { cwd: folder('go') })],
      {
        cwd: folder('go'),
      },
    );
    if (unformatted !== '') throw new Error(`gofmt would change ${unformatted}`);
    await runOk(part('go'), ['build', '-o', goBinary, './example'], { cwd: folder('go'), timeout: 300_000 });
  }),
  checkVectors: () => runOk(part('go'), ['test', '-count=1', './...'], { cwd: folder('go'), timeout: 300_000 }),
  example: (args, env) => run(goBinary, args, { env }),
};

const python: SealingClient = {
  name: 'Python',
  needs: ['python'],
  surfaces: ['grpc', 'http'],
  build: generatePython,
  checkVectors: () => runOk(part('python'), [join(folder('python'), 'vectors_test.py')]),
  example: (args, env) =>
    run(part('python'), [join(folder('python'), 'example.py'), ...args], { env: { ...env, PYTHONPATH: pythonStubs } }),
};

const javaClasses = [join(cache, 'java-sealing/sealing-1.jar'), join(cache, 'java-sealing/dependency/*')].join(':');
const java = (name: string, args: readonly string[]): [string, string[]] => {
  // One call is too short for the optimizing compiler to pay.
  const flags = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', javaClasses];
  return [part('java'), [...flags, `llmbridge.sealing.example.${name}`, ...args]];
};
const javaClient: SealingClient = {
  name: 'Java',
  needs: ['java', 'mvn'],
  surfaces: ['grpc', 'http'],
  build: built(async () => {
    const pom = join(folder('java'), 'pom.xml');
    await runOk(part('mvn'), ['--quiet', '--batch-mode', '--file', pom, 'package'], { timeout: 300_000 });
  }),
  checkVectors: () => runOk(...java('CheckVectors', ['docs/sealing-vectors.json'])),
  example: (args, env) => run(...java('Example', args), { env } satisfies RunOptions),
};

const ruby: SealingClient = {
  name: 'Ruby',
  needs: ['ruby'],
  surfaces: ['http'],
  build: async () => {},
  checkVectors: () => runOk(part('ruby'), [join(folder('ruby'), 'vectors_test.rb')]),
  example: (args, env) => run(part('ruby'), [join(folder('ruby'), 'example.rb'), ...args], { env }),
};

export const sealingClients: readonly SealingClient[] = [typescript, go, python, javaClient, ruby];
