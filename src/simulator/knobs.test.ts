import { expect, test } from 'vitest';
import { readKnobs, splitModel } from './knobs.ts';
import { SimulatedError } from './simulated-error.ts';

test.each([
  ['sim', 'sim', ''],
  ['SIM:ttft=1s', 'sim', 'ttft=1s'],
  ['a/b/sim:echo', 'sim', 'echo'],
  ['openai/fb-ok', 'fb-ok', ''],
  ['sim:call=a/b', 'sim', 'call=a/b'],
  ['us.anthropic.sim:echo', 'sim', 'echo'],
  ['sim:bogus', 'sim', 'bogus'],
  ['llama3:8b', 'llama3:8b', ''],
  ['llama3:8b:echo,tokens=2', 'llama3:8b', 'echo,tokens=2'],
  ['gpt-4o:tokns=2', 'gpt-4o', 'tokns=2'],
  ['us.amazon.nova-2-lite-v1:0', 'us.amazon.nova-2-lite-v1:0', ''],
])('%s', (model, name, knobs) => {
  expect(splitModel(model)).toEqual({ name, knobs });
});

test('every knob after the colon', () => {
  const text =
    'ttft=1s,tps=50,tokens=200,fault=429,fault_count=2,retry_after=3,fault_after=6,cached=8,cut=10,stall=5,stall_for=1.5s,no_done,' +
    'malformed=4,echo,reasoning=7,seed=-1,call=f+g,finish=content_filter';
  expect(readKnobs(text, {})).toEqual({
    ttft: 1_000,
    tps: 50,
    tokens: 200,
    fault: 429,
    fault_count: 2,
    retry_after: 3,
    fault_after: 6,
    cached: 8,
    cut: 10,
    stall: 5,
    stall_for: 1_500,
    no_done: true,
    malformed: 4,
    echo: true,
    reasoning: 7,
    seed: -1,
    call: 'f+g',
    finish: 'content_filter',
  });
});

test.each([
  ['fault=timeout', { fault: 'silent' }],
  ['fault=reset', { fault: 'reset' }],
  ['ttft=250', { ttft: 250 }],
  ['ttft=250ms', { ttft: 250 }],
  ['ttft=2m', { ttft: 120_000 }],
  ['retry_after=500ms', { retry_after: 0.5 }],
  [' echo , tps = 2 ', { echo: true, tps: 2 }],
])('%s', (text, knobs) => {
  expect(readKnobs(text, {})).toEqual(knobs);
});

test('the model goes over the object, the object over the body; others’ members are left alone', () => {
  const body = {
    tps: 1,
    tokens: 1,
    cut: 1,
    reasoning: { effort: 'high' },
    seed: 4,
    simulator: { tokens: 2, cut: '2' },
  };
  expect(readKnobs('cut=3', body)).toMatchObject({ tps: 1, tokens: 2, cut: 3, seed: 4 });
  expect(readKnobs('', body).reasoning).toBeUndefined();
});

test.each([
  ['nonsense=1', {}, 'model', 'no knob "nonsense"'],
  ['ttft=soon', {}, 'model', "ttft can't be"],
  ['fault=200', {}, 'model', "fault can't be"],
  ['fault=toString', {}, 'model', "fault can't be"],
  ['constructor=1', {}, 'model', 'no knob'],
  ['tokens=1000000', {}, 'model', "tokens can't be"],
  ['tps=0', {}, 'model', "tps can't be"],
  ['cut=', {}, 'model', "cut can't be"],
  ['', { simulator: { tps: -1 } }, 'simulator.tps', "tps can't be"],
])('refused: %s %j', (text, body, param, message) => {
  const refused = () => readKnobs(text, body);
  expect(refused).toThrow(SimulatedError);
  expect(refused).toThrow(message);
  try {
    refused();
  } catch (error) {
    expect((error as SimulatedError).body).toMatchObject({ param, code: 'invalid_knob' });
  }
});
