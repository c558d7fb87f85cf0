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

it('counts bytes, of which a header takes three for each that is not ASCII, and leaves no half of a character', () => {
  const { message } = new Fault('INTERNAL', '模'.repeat(1_000));
  expect(message).toMatch(/^模{300,}…$/);
  expect(encodeURIComponent(message).length).toBeLessThan(3_100);
  expect(new Fault('INTERNAL', `${'x'.repeat(999)}😀`).message).toBe(`${'x'.repeat(999)}…`);
  expect(new Fault('INTERNAL', 'half \ud83d').message.isWellFormed()).toBe(true);
});
