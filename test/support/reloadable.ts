import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGateway } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { providerTypes } from '../../src/providers/index.ts';
import { onFreePort } from './gateway.ts';

type LogLine = Readonly<Record<string, unknown>>;

/** Files that a gateway is configured by, in a folder of their own. */
export interface ConfigFolder {
  readonly config: string;
  path(name: string): string;
  /** Replaces a file as a whole, as whoever wants no half-read one does. */
  write(name: string, text: string | Buffer): void;
  /** Mounts files as Kubernetes does: links to a folder that is itself behind a link, which is swapped. */
  mount(folder: string, files: Readonly<Record<string, string | Buffer>>): void;
  remove(): void;
}

export function configFolder(): ConfigFolder {
  const root = mkdtempSync(join(tmpdir(), 'llm-bridge-reload-'));
  let count = 0;
  const path = (name: string) => join(root, name);
  return {
    config: path('config.yaml'),
    path,
    write(name, text) {
      const draft = path(`draft-${count++}`);
      writeFileSync(draft, text);
      renameSync(draft, path(name));
    },
    mount(folder, files) {
      mkdirSync(path(folder), { recursive: true });
      const version = `..version-${count++}`;
      mkdirSync(path(join(folder, version)));
      for (const [name, text] of Object.entries(files)) writeFileSync(path(join(folder, version, name)), text);
      symlinkSync(version, path(join(folder, '..draft')));
      renameSync(path(join(folder, '..draft')), path(join(folder, '..data')));
      for (const name of Object.keys(files)) {
        rmSync(path(join(folder, name)), { force: true });
        symlinkSync(join('..data', name), path(join(folder, name)));
      }
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** A gateway in this process that reads its files again. */
export interface ReloadableGateway {
  readonly port: number;
  readonly url: string;
  readonly log: readonly LogLine[];
  reload(): void;
  /** The first line of this event that was not there at the call. */
  logged(event: string): Promise<LogLine>;
  stop(): Promise<void>;
}

/** Starts it from the folder's `config.yaml`. */
export async function startReloadable({ config: file }: ConfigFolder): Promise<ReloadableGateway> {
  const load = () => loadConfig(file, onFreePort, providerTypes);
  const log: LogLine[] = [];
  const waiting = new Set<(line: LogLine) => void>();
  const write = (text: string): void => {
    const line = JSON.parse(text) as LogLine;
    log.push(line);
    for (const tell of waiting) tell(line);
  };
  const { config, files } = load();
  const gateway = await createGateway(config, { logDestination: { write }, source: { files, load } });
  return {
    port: gateway.port,
    url: `http://127.0.0.1:${gateway.port}`,
    log,
    reload: () => gateway.reload('test'),
    logged: (event) =>
      new Promise((resolve) => {
        const tell = (line: LogLine): void => {
          if (line['event'] !== event) return;
          waiting.delete(tell);
          resolve(line);
        };
        waiting.add(tell);
      }),
    stop: () => gateway.drain('test'),
  };
}
