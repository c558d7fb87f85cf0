import { statSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { cache, part } from './parts.ts';
import { runOk, serve } from './process.ts';

const scripts = join(import.meta.dirname, 'llama');

export interface Llama {
  /** OpenAI-compatible base URL, `/v1` included. */
  readonly baseUrl: string;
  stop(): Promise<unknown>;
}

const changedAt = (file: string) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Starts a real llama.cpp server with a tiny random-weight model named `tiny-random`. Needs the part `python`. */
export async function startLlama(): Promise<Llama> {
  const model = join(cache, 'tiny-random.gguf');
  const maker = join(scripts, 'make_model.py');
  if (changedAt(model) < changedAt(maker)) {
    const fresh = `${model}.${process.pid}`;
    await runOk(part('python'), [maker, fresh]);
    await rename(fresh, model);
  }
  const server = await serve(part('python'), [join(scripts, 'serve.py'), model, '0'], /^listening (\S+)/);
  return { baseUrl: `${server.match[1]}/v1`, stop: () => server.stop() };
}
