import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Provider } from '../kernel/provider.ts';
import { Scrape } from '../workers/scrape.ts';
import { createAuditMetrics } from './audit/metrics.ts';
import { createBalancerMetrics } from './balancer-metrics.ts';
import { createCacheMetrics } from './cache-metrics.ts';
import { createCallMetrics } from './call-metrics.ts';
import { createGateMetrics } from './gate-metrics.ts';
import { createLabels } from './labels.ts';
import { createLimitMetrics } from './limit-metrics.ts';
import { createMetrics } from './metrics.ts';
import { createReloadMetrics } from './reload-metrics.ts';

const promtool = spawnSync('promtool', ['--version']).error === undefined;

test('a registry says which version runs, and shares nothing with another', async () => {
  const [one, two] = [
    createMetrics({ version: '1.2.3', runtime: false }),
    createMetrics({ version: '2', runtime: false }),
  ];
  one.tokens.cell('p', 'm', 'prompt').value += 3;
  expect(await one.text()).toContain(`llmbridge_build_info{version="1.2.3",node="${process.versions.node}"} 1`);
  expect(await one.text()).toContain('llmbridge_tokens_total{provider="p",model="m",type="prompt"} 3');
  expect(await two.text()).not.toContain('provider="p"');
  expect(one.contentType).toMatch(/^text\/plain/);
});

test('a tally says the same at every scrape', async () => {
  const metrics = createMetrics({ version: '1', runtime: false });
  metrics.tokens.cell('p', 'm', 'prompt').value = 5;
  expect(await metrics.text()).toBe(await metrics.text());
});

// In continuous integration promtool must be there: without it the check fails.
test.skipIf(!promtool && process.env['CI'] !== 'true')('promtool finds nothing to say', async () => {
  const metrics = createMetrics({ version: '1.2.3', runtime: true });
  createCallMetrics(metrics, createLabels({ methods: [], providers: [], routes: [] }));
  metrics.inFlight.cell('m', 'http').value = 1;
  metrics.requests.cell('m', 'http', 'p', 'odd "model"\\\n', 'ok').value = 1;
  metrics.tokens.cell('p', 'm', 'prompt').value = 1;
  metrics.cost.cell('p', 'm').value = 0.25;
  metrics.attempts.cell('p', 'm', 'ok', 'none').value = 1;
  metrics.duration.labels('m', 'p', 'm').observe(1);
  metrics.firstToken.labels('p', 'm').observe(1);
  const labels = createLabels({ methods: [], providers: [], routes: [] });
  const target = { provider: { name: 'p' } as Provider, model: 'm', weight: 1, priority: 1 };
  const events = createBalancerMetrics(metrics.registry, labels, () => [
    { target, breaker: 'open', coolingMs: 1_500, inFlight: 2 },
  ]);
  const cache = createCacheMetrics(metrics.registry, () => ({ entries: 1, bytes: 600 }));
  cache.served('hit');
  cache.waited('process');
  cache.kept('too_large');
  cache.evicted('space');
  cache.storeFailed('corrupt');
  events.ejected(target, 1);
  events.cooled(target, 'limit', 1);
  events.queued('route', 5, false);
  events.hedged('fast', true);
  events.recovered('fast', 'restart', true);
  expect(await metrics.text()).toContain('llmbridge_target_cooling_seconds{provider="other",model="other"} 1.5');
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: await metrics.text(),
    encoding: 'utf8',
  });
  expect(`${stdout}${stderr}`).toBe('');
  expect(status).toBe(0);
});

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

test('the documents name every metric of ours, and none that is not there', async () => {
  const metrics = createMetrics({ version: '1', runtime: true });
  createBalancerMetrics(metrics.registry, createLabels({ methods: [], providers: [], routes: [] }), () => []);
  createGateMetrics(metrics.registry);
  createLimitMetrics(metrics.registry);
  createCacheMetrics(metrics.registry, () => undefined);
  createAuditMetrics(metrics.registry);
  createReloadMetrics(metrics.registry, () => 0).certificateExpires(0);
  const text = `${await metrics.text()}\n${await new Scrape(() => []).text()}`;
  const names = new Set([...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name = '']) => name));
  const operations = read('operations.md');
  for (const name of names) if (name.startsWith('llmbridge_')) expect(operations).toContain(`\`${name}`);

  const named = `${operations}${read('grafana-dashboard.json')}`.matchAll(
    /\b(?:llmbridge|nodejs|process)_[a-z][a-z0-9_]+(?!\*)\b/g,
  );
  const unknown = [...named].map(([name]) => name.replace(/_bucket$/, '')).filter((name) => !names.has(name));
  expect(unknown).toEqual([]);
});
