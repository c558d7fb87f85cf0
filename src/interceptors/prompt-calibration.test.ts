import { expect, test } from 'vitest';
import { PromptCalibration } from './prompt-calibration.ts';

test('comes to what prompts of a model really have, by each model', () => {
  const calibration = new PromptCalibration();
  expect(calibration.ratio('a')).toBe(1);
  for (let i = 0; i < 300; i++) {
    calibration.learn('a', 400, 520);
    calibration.learn('b', 400, 300);
  }
  expect(calibration.ratio('a')).toBeCloseTo(1.3, 1);
  expect(calibration.ratio('b')).toBeCloseTo(0.75, 1);
  expect(calibration.ratio('c')).toBe(1);
});

test('follows when the tokenizer behind a name changes', () => {
  const calibration = new PromptCalibration();
  for (let i = 0; i < 300; i++) calibration.learn('a', 400, 800);
  for (let i = 0; i < 200; i++) calibration.learn('a', 400, 400);
  expect(calibration.ratio('a')).toBeLessThan(1.1);
});

test('no single prompt, and no odd ones, lead it astray', () => {
  const calibration = new PromptCalibration();
  for (let i = 0; i < 300; i++) calibration.learn('a', 400, 400);
  calibration.learn('a', 4_000_000, 8_000_000);
  expect(calibration.ratio('a')).toBeLessThan(1.3);
  for (let i = 0; i < 1_000; i++) calibration.learn('a', 400, 40_000);
  expect(calibration.ratio('a')).toBe(2.5);
  for (let i = 0; i < 1_000; i++) calibration.learn('a', 400, 1);
  expect(calibration.ratio('a')).toBe(0.5);
});

test('short prompts teach nothing, and the names that callers think up are bounded', () => {
  const calibration = new PromptCalibration();
  for (let i = 0; i < 300; i++) calibration.learn('a', 49, 490);
  expect(calibration.ratio('a')).toBe(1);
  for (let i = 0; i < 1_001; i++) calibration.learn(`m${i}`, 4_000, 8_000);
  expect(calibration.ratio('m999')).toBeGreaterThan(1);
  expect(calibration.ratio('m1000')).toBe(1);
});
