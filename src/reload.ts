import { differences } from './config/differences.ts';
import type { GatewayConfig } from './config/gateway-config.ts';
import type { LoadedConfig } from './config/load.ts';
import { type Path, pathText } from './config/problem.ts';
import { fileState } from './file-state.ts';
import type { Clock } from './kernel/clock.ts';
import type { Swappable } from './swap.ts';
import type { GatewayEvents } from './telemetry/gateway-events.ts';
import type { ReloadMetrics } from './telemetry/reload-metrics.ts';

/** Where a configuration came from, to be read again. */
export interface ConfigSource {
  /** The configuration's own file and all that it names. */
  readonly files: readonly string[];
  /** Throws ConfigError. */
  load(): LoadedConfig;
}

export interface ReloaderOptions {
  readonly source: ConfigSource;
  /** As the gateway was started with it. */
  readonly config: GatewayConfig;
  readonly parts: readonly Swappable[];
  /** Between two looks at the files, in milliseconds; 0 for never. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly events: Pick<GatewayEvents, 'configReloaded' | 'configRefused' | 'configPending'>;
  readonly metrics: Pick<ReloadMetrics, 'reloaded'>;
}

/** Takes new keys and certificates while the gateway runs. */
export interface Reloader {
  /** Reads the files now; `trigger` says why. Returns whether their state is in use. */
  reload(trigger: string): boolean;
  close(): void;
}

/** Files must have rested for so long before they are read: whoever writes them may not be done. */
const settleMs = 1_000;

/**
 * Reads the configuration again when its files change, or when it is told to. A state that can't be used is refused as a
 * whole, and the one before stays; it is tried again from time to time, as what it lacks may still come.
 */
export function createReloader({
  source,
  config,
  parts,
  intervalMs,
  clock,
  events,
  metrics,
}: ReloaderOptions): Reloader {
  const answered = parts.flatMap(({ paths }) => paths.map((path) => path.split('.')));
  let files = source.files;
  /** The state of the files that is in use, or was refused. They may have changed since they were read for the start. */
  let judged = '';
  let seen = fileState(files);
  let refusal = '';
  let disarm = () => {};

  const refuse = (trigger: string, text: string): boolean => {
    // A refused state is tried again and again; it is told once.
    if (text !== refusal || trigger !== byFiles) {
      events.configRefused(trigger, text);
      metrics.reloaded('refused');
    }
    refusal = text;
    return false;
  };

  const reload = (trigger: string): boolean => {
    const before = fileState(files);
    let loaded: LoadedConfig;
    let swaps: ReturnType<Swappable['prepare']>[];
    try {
      loaded = source.load();
      swaps = parts.map((part) => part.prepare(loaded.config));
    } catch (thrown) {
      judged = before;
      return refuse(trigger, (thrown as Error).message);
    }
    // What was written while it was read may be half of it.
    if (fileState(files) !== before) return refuse(trigger, 'a file changed while it was read');
    const isNewList = loaded.files.join('\n') !== files.join('\n');
    files = loaded.files;
    // Once more, with an eye on those that were not looked at.
    if (isNewList) return reload(trigger);
    judged = before;
    refusal = '';
    for (const { commit, changed } of swaps) if (changed.length > 0) commit();
    const changed = swaps.flatMap((swap) => swap.changed);
    const pending = [...othersOf(config, loaded.config, answered), ...swaps.flatMap((swap) => swap.pending)];
    if (trigger === byFiles && changed.length === 0 && pending.length === 0) return true;
    metrics.reloaded('applied');
    events.configReloaded(trigger, changed);
    if (pending.length > 0) events.configPending(pending);
    return true;
  };

  const look = (): void => {
    const state = fileState(files);
    const isStill = state === seen;
    seen = state;
    if (isStill && (state !== judged || refusal !== '')) reload(byFiles);
    arm(isStill ? intervalMs : Math.min(intervalMs, settleMs));
  };
  const arm = (ms: number): void => {
    disarm = clock.after(ms, look);
  };
  if (intervalMs > 0) arm(intervalMs);

  return { reload, close: () => disarm() };
}

const byFiles = 'files';

/** Paths of what differs between two configurations, but for what `answered` covers and what only follows from it. */
function othersOf(a: GatewayConfig, b: GatewayConfig, answered: readonly Path[]): string[] {
  const covers = (pattern: Path, path: Path) => pattern.every((step, i) => step === '*' || step === path[i]);
  const follows = (path: Path) => path[0] === 'providers' && path[2] === 'disabled';
  return [...differences(a, b)]
    .filter((path) => !follows(path) && !answered.some((pattern) => covers(pattern, path)))
    .map(pathText);
}
