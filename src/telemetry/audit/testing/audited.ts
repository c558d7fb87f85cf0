import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Call } from '../../../kernel/call.ts';
import { systemClock } from '../../../kernel/clock.ts';
import type { Anchor, AuditEvents } from '../events.ts';
import { AuditLog, type AuditOptions } from '../log.ts';

export const key = Buffer.alloc(32, 7);

/** A folder that goes with its test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'llm-bridge-audit-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** What an audit log told of itself, `kind: detail` each, and its anchors. */
export function recorder() {
  const told: string[] = [];
  const anchors: Anchor[] = [];
  let written = 0;
  const events: AuditEvents = {
    written(records) {
      written += records;
    },
    waiting: () => {},
    lost: (records) => void told.push(`lost: ${records}`),
    failing: (thrown) => void told.push(`failing: ${(thrown as NodeJS.ErrnoException | undefined)?.code ?? 'no'}`),
    interfered: ({ kind }) => void told.push(`interfered: ${kind}`),
    resumed: ({ torn }) => void told.push(`resumed: ${torn?.bytes ?? 0}`),
    unverified: () => void told.push('unverified'),
    anchored: (anchor) => void anchors.push(anchor),
  };
  return { events, told, anchors, written: () => written };
}

export const open = (path: string, more: Partial<AuditOptions> = {}) =>
  AuditLog.open({
    path,
    key,
    worker: 0,
    maxFileBytes: 1 << 20,
    maxWaiting: 1_000,
    anchorMs: 60_000,
    clock: systemClock,
    events: recorder().events,
    ...more,
  });

/** A call that has ended. */
export const endedCall = (id: string): Call =>
  new Call({
    id,
    method: '/llmbridge.v1.ChatService/ChatCompletion',
    protocol: 'grpc',
    headers: { authorization: 'Bearer secret' },
    address: '192.0.2.1',
    trace: { traceId: 't', spanId: 's', parentId: '', flags: '01', state: '' },
    startedAt: systemClock.now(),
  });

/** Writes a log of so many calls, from its beginning to its end. */
export async function writeLog(path: string, calls: number, more: Partial<AuditOptions> = {}): Promise<void> {
  const log = await open(path, more);
  for (let i = 0; i < calls; i++) log.record(endedCall(`id-${i}`), undefined);
  await log.close();
}

export const linesIn = (file: string): string[] => readFileSync(file, 'utf8').trimEnd().split('\n');

export const recordsIn = (file: string): Record<string, unknown>[] =>
  linesIn(file).map((line) => JSON.parse(line) as Record<string, unknown>);

/** The audit files in a folder, the oldest first. */
export const filesIn = (path: string): string[] =>
  readdirSync(path)
    .filter((name) => !name.startsWith('.'))
    .sort((a, b) => (a.length === b.length ? a.localeCompare(b) : b.length - a.length))
    .map((name) => join(path, name));
