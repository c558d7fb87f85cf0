import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ParameterAction, ParameterNoteSchema } from '../../gen/es/llmbridge/v1/report_pb.ts';
import { tellAnswer } from './passing-headers.ts';
import { FakeClock, fakeProvider, openCall, target } from './testing/harness.ts';

const to = target(fakeProvider('a'), 'models/é');
const note = (name: string, action: ParameterAction) => create(ParameterNoteSchema, { name, action });

test('names are escaped where a header could not hold them, and told once', () => {
  const call = openCall(new FakeClock());
  tellAnswer(
    call,
    to,
    [
      note('messages[0].parts[1].image', ParameterAction.DROPPED),
      note('messages[0].parts[1].image', ParameterAction.DROPPED),
      note('extra["x, y=\r\n"]', ParameterAction.REFUSED),
      note('n', ParameterAction.MAPPED),
    ],
    {},
  );
  expect(call.replyHeaders).toEqual({
    'x-llmbridge-provider': 'a',
    'x-llmbridge-model': 'models/%C3%A9',
    'x-llmbridge-parameters': 'dropped=messages[0].parts[1].image, refused=extra[%22x%2C%20y%3D%0D%0A%22], mapped=n',
  });
});

test('a long list is cut, and says by how much', () => {
  const call = openCall(new FakeClock());
  const notes = Array.from({ length: 500 }, (_, i) => note(`messages[${i}].name`, ParameterAction.DROPPED));
  tellAnswer(call, to, notes, {});
  const text = call.replyHeaders['x-llmbridge-parameters'] ?? '';
  expect(text.length).toBeLessThan(2_100);
  const told = text.split(', ').length - 1;
  expect(text.split(', ').at(-1)).toBe(`more=${500 - told}`);
});

test('beside a sealed reply nothing is said', () => {
  const call = openCall(new FakeClock());
  call.sealedBy = 'k1';
  tellAnswer(call, to, [note('n', ParameterAction.DROPPED)], { 'x-request-id': 'r' });
  expect(call.replyHeaders).toEqual({});
});

test('what is no plain text does not pass', () => {
  const call = openCall(new FakeClock());
  const provider = fakeProvider('a', { forwards: { request: [], response: ['x-a', 'x-b'] } });
  tellAnswer(call, target(provider), [], { 'x-a': 'é', 'x-b': ['1', '2'], 'x-request-id': '\u0007' });
  expect(call.replyHeaders).toMatchObject({ 'x-b': '1, 2' });
  expect(call.replyHeaders).not.toHaveProperty('x-a');
  expect(call.replyHeaders).not.toHaveProperty('x-provider-request-id');
});
