import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { createCallMetrics } from './call-metrics.ts';
import { createLabels } from './labels.ts';
import { createMetrics } from './metrics.ts';

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
  metrics.attempts.cell('p', 'm', 'ok', 'none').value = 1;
  metrics.duration.labels('m', 'p', 'm').observe(1);
  metrics.firstToken.labels('p', 'm').observe(1);
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: await metrics.text(),
    encoding: 'utf8',
  });
  expect(`${stdout}${stderr}`).toBe('');
  expect(status).toBe(0);
});
