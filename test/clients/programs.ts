import { globSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cache, part, root } from '../support/parts.ts';
import { runOk } from '../support/process.ts';
import type { Answer, Caller, Connection, Mode, Question } from './caller.ts';

/** A connection by a program that takes `ADDRESS MODE QUESTION` and prints an Answer. */
function program(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  port: number,
): Connection {
  return {
    async ask(mode: Mode, question: Question): Promise<Answer> {
      const printed = await runOk(command, [...args, `127.0.0.1:${port}`, mode, JSON.stringify(question)], { env });
      const answer = JSON.parse(printed) as Answer;
      if (answer.failure === undefined) return answer;
      // grpc-go spells this one code otherwise.
      return {
        ...answer,
        failure: { ...answer.failure, code: answer.failure.code.replace(/^CANCELED$/, 'CANCELLED') },
      };
    },
    close() {},
  };
}

/** Runs `build` once in this process, however often it is asked for. */
export function built(build: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= build();
    return done;
  };
}

const goBinary = join(cache, 'bin/go-client');
const buildGo = built(async () => {
  const folder = join(root, 'test/clients/go');
  await runOk('buf', ['generate', '--template', join(folder, 'buf.gen.yaml')], {
    env: { PATH: `${join(cache, 'bin')}:${process.env['PATH']}` },
  });
  await runOk(part('go'), ['build', '-o', goBinary, '.'], { cwd: folder, timeout: 300_000 });
});

/** A Go program on google.golang.org/grpc, with stubs by protoc-gen-go and protoc-gen-go-grpc. */
export const goClient: Caller = {
  name: 'Go, generated stubs',
  needs: ['go', 'protoc-gen-go', 'protoc-gen-go-grpc'],
  async connect(port) {
    await buildGo();
    return program(goBinary, [], {}, port);
  },
};

export const pythonStubs = join(cache, 'python-stubs');
export const generatePython = built(async () => {
  await mkdir(pythonStubs, { recursive: true });
  const includes = ['-Iproto', '-Inode_modules/google-proto-files'];
  const outputs = [`--python_out=${pythonStubs}`, `--grpc_python_out=${pythonStubs}`];
  const protos = globSync('**/*.proto', { cwd: join(root, 'proto') });
  await runOk(part('python'), ['-m', 'grpc_tools.protoc', ...includes, ...outputs, ...protos]);
});

/** A Python program on grpcio, with stubs by grpc_tools. */
export const pythonClient: Caller = {
  name: 'Python grpcio, generated stubs',
  needs: ['python'],
  async connect(port) {
    await generatePython();
    const script = join(root, 'test/clients/python/grpc_client.py');
    return program(part('python'), [script], { PYTHONPATH: pythonStubs }, port);
  },
};

const buildJava = built(async () => {
  const pom = join(root, 'test/clients/java/pom.xml');
  await runOk(part('mvn'), ['--quiet', '--batch-mode', '--file', pom, 'package'], { timeout: 300_000 });
});

/** A Java program on grpc-java, with stubs by protoc and protoc-gen-grpc-java from Maven. */
export const javaClient: Caller = {
  name: 'Java, generated stubs',
  needs: ['java', 'mvn'],
  async connect(port) {
    await buildJava();
    const classes = [join(cache, 'java/client-1.jar'), join(cache, 'java/dependency/*')].join(':');
    return program(part('java'), ['-cp', classes, 'client.Client'], {}, port);
  },
};
