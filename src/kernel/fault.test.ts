import { expect, it } from 'vitest';
import { Fault, invalidField } from './fault.ts';

it('cuts the texts that quote a caller or a provider, so that every transport can carry them', () => {
  const long = 'x'.repeat(1_000_000);
  const fault = new Fault('MODEL_NOT_FOUND', `the model ${long} is not known`, {
    metadata: { model: long },
    violations: Array.from({ length: 1_000 }, () => ({ field: long, description: long })),
  });
  expect(JSON.stringify([fault.message, fault.detail]).length).toBeLessThan(8_000);
  expect(fault.message).toMatch(/^the model x+…$/);
});

it('leaves short texts as they are', () => {
  const { message, detail } = invalidField('messages[0].role', 'is required');
  expect(message).toBe('messages[0].role: is required');
  expect(detail.violations).toEqual([{ field: 'messages[0].role', description: 'is required' }]);
});

it('tells no half of a character', () => {
  expect(new Fault('INTERNAL', `${'x'.repeat(999)}😀`).message.isWellFormed()).toBe(true);
});
