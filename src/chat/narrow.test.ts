import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  ChatCompletionRequestSchema,
  type RoutingPreferenceSchema,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { Balancer } from '../balancer/balancer.ts';
import { Fault } from '../kernel/fault.ts';
import { narrow } from './narrow.ts';
import { FakeClock, fakeProvider, settings, target } from './testing/harness.ts';

const balancer = new Balancer({ clock: new FakeClock(), settings });
const targets = [
  { ...target(fakeProvider('a', { region: 'eu' })), priority: 1 },
  { ...target(fakeProvider('b', { region: 'us' })), priority: 1 },
  { ...target(fakeProvider('c')), priority: 2 },
];
const lane = balancer.ofRoute({ name: 'r', policy: [], targets });

const tiers = (routing?: MessageInitShape<typeof RoutingPreferenceSchema>) =>
  narrow(balancer, lane, create(ChatCompletionRequestSchema, routing ? { routing } : {})).tiers.map((tier) =>
    tier.map(({ target }) => target.provider.name).join(''),
  );

test.each([
  ['nothing', undefined, ['ab', 'c']],
  ['an empty preference', {}, ['ab', 'c']],
  ['providers', { providers: ['b', 'c', 'z'] }, ['b', 'c']],
  ['regions', { regions: ['eu'] }, ['a']],
  ['an order, which comes before the tiers', { order: ['c', 'b'] }, ['c', 'b', 'a']],
  ['some providers in an order', { providers: ['a', 'c'], order: ['c'] }, ['c', 'a']],
])('%s', (_, routing, expected) => {
  expect(tiers(routing)).toEqual(expected);
});

test('a preference that leaves nobody is the caller’s to know', () => {
  expect(() => tiers({ providers: ['z'] })).toThrow(Fault);
});
