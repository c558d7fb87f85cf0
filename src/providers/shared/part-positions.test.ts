import { expect, test } from 'vitest';
import { PartPositions } from './part-positions.ts';

test('text and reasoning continue the last part of their kind, all else begins one', () => {
  const at = new PartPositions();
  expect([at.reasoning(), at.reasoning(), at.text(), at.text()]).toEqual([0, 0, 1, 1]);
  at.toolCall(0);
  at.toolCall(0);
  expect([at.begin(), at.text(), at.begin('reasoning'), at.reasoning()]).toEqual([3, 4, 5, 5]);
});
