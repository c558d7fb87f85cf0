import { expect, test } from 'vitest';
import { runChaos } from '../support/chaos.ts';
import { suite } from '../support/parts.ts';

// test/soak has 2,000 streams over a minute; heap and descriptors are watched there.

const STREAMS = 150;

suite('chaos', ['toxiproxy-server'], () => {
  test('150 streams through six seconds of bad weather', async () => {
    const { whole, honest, wrong, left } = await runChaos(STREAMS, 6);
    expect(wrong).toEqual([]);
    expect(whole + Object.values(honest).reduce((all, count) => all + count, 0)).toBe(STREAMS);
    expect(whole).toBeGreaterThan(STREAMS * 0.5);
    expect(left).toBe(0);
  }, 120_000);
});
