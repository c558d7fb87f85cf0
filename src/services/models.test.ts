import { describe, expect, test } from 'vitest';
import type { GetModelResponse, ListModelsResponse, Model } from '../../gen/es/llmbridge/v1/model_service_pb.ts';
import { anonymous, Call, type Principal } from '../kernel/call.ts';
import { Fault } from '../kernel/fault.ts';
import type { Method } from '../kernel/method.ts';
import { ModelListing } from '../kernel/model-listing.ts';
import type { Provider, Route } from '../kernel/provider.ts';
import { createModelRpcs } from './models.ts';

const provider = (name: string, models: string[], rest: { simulated?: boolean; disabled?: string } = {}): Provider =>
  ({
    name,
    models,
    disabled: rest.disabled,
    keys: [],
    type: { type: name, simulated: rest.simulated ?? false },
  }) as unknown as Provider;

const alpha = provider('alpha', ['one', 'two']);
const beta = provider('beta', ['two', 'vendor/three']);
const toy = provider('toy', ['toy'], { simulated: true });
const locked = provider('locked', ['four'], { disabled: 'set LOCKED_KEY' });

const route = (name: string, ...targets: [Provider, string][]): Route => ({
  name,
  policy: [],
  targets: targets.map(([provider, model]) => ({ provider, model, weight: 1, priority: 1 })),
});

const routes = [
  route('fast', [alpha, 'mini'], [locked, 'four']),
  route('practice', [toy, 'toy'], [locked, 'four']),
  route('shut', [locked, 'four']),
];

const [list, get] = createModelRpcs({
  providers: new Map([alpha, beta, toy, locked].map((each) => [each.name, each])),
  routes: new Map(routes.map((each) => [each.name, each])),
});

async function ask<O>(handle: unknown, request: object, models?: string[]): Promise<O> {
  const principal: Principal = models === undefined ? anonymous : { ...anonymous, models: new Set(models) };
  const call = new Call({
    id: '1',
    method: '',
    protocol: 'http',
    headers: {},
    address: '',
    trace: { traceId: '', spanId: '', parentId: '', flags: '01', state: '' },
    startedAt: 0,
  });
  call.principal = principal;
  const answers: O[] = [];
  await (handle as Method<object, O>)(call, request, {
    message: (message) => answers.push(message) > 0,
    onDrain: () => {},
  });
  const [answer] = answers;
  if (answer === undefined || answers.length > 1) throw new Error(`${answers.length} answers`);
  return answer;
}

const listed = async (of = '', models?: string[]) =>
  (await ask<ListModelsResponse>(list?.handle, { provider: of }, models)).models.map(({ id }) => id);
const got = async (id: string, models?: string[]): Promise<Model | undefined> =>
  (await ask<GetModelResponse>(get?.handle, { id }, models)).model;
const refusal = async (asked: Promise<unknown>): Promise<Fault> =>
  asked.then(
    () => expect.fail('not refused'),
    (thrown: unknown) => Fault.from(thrown),
  );

describe('ListModels', () => {
  test('lists routes, then what providers have, nothing of a disabled one', async () => {
    expect(await listed()).toEqual([
      'fast',
      'practice',
      'alpha/one',
      'alpha/two',
      'alpha/mini',
      'beta/two',
      'beta/vendor/three',
      'toy/toy',
    ]);
  });

  test('lists one provider', async () => {
    expect(await listed('beta')).toEqual(['beta/two', 'beta/vendor/three']);
    expect(await listed('locked')).toEqual([]);
    expect(await refusal(listed('gamma'))).toMatchObject({
      reason: 'NOT_FOUND',
      message: expect.stringContaining('gamma'),
    });
  });

  test('lists what the caller may ask for, under the name to ask by', async () => {
    expect(await listed('', ['fast', 'beta/two', 'one', 'two', 'nothing'])).toEqual(['fast', 'beta/two', 'one']);
    expect(await listed('', ['alpha/one', 'one'])).toEqual(['alpha/one']);
    expect(await listed('', [])).toEqual([]);
  });
});

describe('GetModel', () => {
  test('tells where the calls of a route go', async () => {
    expect(await got('fast')).toMatchObject({
      id: 'fast',
      ownedBy: 'llm-bridge',
      simulated: false,
      targets: [
        { provider: 'alpha', model: 'mini' },
        { provider: 'locked', model: 'four' },
      ],
    });
  });

  test('says what is simulated: a route only if nothing else can answer', async () => {
    expect(await got('practice')).toMatchObject({ simulated: true });
    expect(await got('toy/toy')).toMatchObject({ id: 'toy/toy', ownedBy: 'toy', simulated: true });
  });

  test('finds provider/model with slashes in the model, and a bare name that one provider lists', async () => {
    expect(await got('beta/vendor/three')).toMatchObject({ id: 'beta/vendor/three', ownedBy: 'beta' });
    expect(await got('one')).toMatchObject({ id: 'one', ownedBy: 'alpha' });
  });

  test.each([
    ['', 'FIELD_INVALID', 'id'],
    ['nothing', 'MODEL_NOT_FOUND', '"nothing"'],
    ['/one', 'MODEL_NOT_FOUND', '"/one"'],
    ['alpha/nine', 'MODEL_NOT_FOUND', 'the provider "alpha" lists no model "nine"'],
    ['two', 'MODEL_NOT_FOUND', 'alpha, beta'],
    ['mini', 'MODEL_NOT_FOUND', '"mini"'],
    ['toString', 'MODEL_NOT_FOUND', '"toString"'],
    ['shut', 'PROVIDER_KEY_MISSING', 'LOCKED_KEY'],
    ['locked/four', 'PROVIDER_KEY_MISSING', 'LOCKED_KEY'],
  ])('of %j is refused with %s', async (id, reason, text) => {
    expect(await refusal(got(id))).toMatchObject({ reason, message: expect.stringContaining(text) });
  });

  test('of a model that the caller may not use is refused', async () => {
    expect(await refusal(got('fast', ['alpha/one']))).toMatchObject({ reason: 'MODEL_FORBIDDEN' });
    expect(await got('alpha/one', ['alpha/one'])).toMatchObject({ id: 'alpha/one' });
  });
});

describe('what providers list themselves', () => {
  const listing = new ModelListing();
  const teller = { ...provider('teller', ['one']), listing } as Provider;
  const other = { ...provider('other', []), listing: new ModelListing() } as Provider;
  let asked = 0;
  const [listAll, getOne] = createModelRpcs({
    providers: new Map([teller, other].map((each) => [each.name, each])),
    routes: new Map(
      [route('only', [teller, 'big']), route('both', [teller, 'big'], [other, 'big'])].map((r) => [r.name, r]),
    ),
    asked: () => asked++,
    prices: async () => (_, model) => (model === 'one' ? { prompt: 1, completion: 2, contextLength: 9 } : undefined),
  });
  const names = async () =>
    (await ask<ListModelsResponse>(listAll?.handle, { provider: '' })).models.map(({ id }) => id);
  const one = async (id: string) => (await ask<GetModelResponse>(getOne?.handle, { id })).model;

  test('is there once it came, with what they tell', async () => {
    expect(await names()).toEqual(['only', 'both', 'teller/one', 'teller/big', 'other/big']);
    expect(asked).toBe(1);
    listing.replace([
      { id: 'big', title: 'Big', contextLength: 1000, inputModalities: ['text', 'image'], pricing: { prompt: 0.5 } },
      { id: 'fresh' },
    ]);
    expect(await names()).toEqual(['only', 'both', 'teller/one', 'teller/big', 'teller/fresh', 'other/big']);
    expect(await one('fresh')).toMatchObject({ id: 'fresh', ownedBy: 'teller' });
    const big = { contextLength: 1000, inputModalities: ['text', 'image'], pricing: { prompt: 0.5 } };
    expect(await one('teller/big')).toMatchObject({ id: 'teller/big', displayName: 'Big', ...big });
    expect(await one('only')).toMatchObject({ id: 'only', displayName: 'only', ownedBy: 'llm-bridge', ...big });
    expect(await one('both')).toMatchObject({ contextLength: 0 });
  });

  test('leaves prices to the price list where they tell none', async () => {
    expect(await one('teller/one')).toMatchObject({ contextLength: 9, pricing: { prompt: 1, completion: 2 } });
  });

  test('takes no name of the configuration’s away', async () => {
    other.listing?.replace([{ id: 'one' }, { id: 'fresh' }]);
    expect(await one('one')).toMatchObject({ ownedBy: 'teller' });
    expect(await refusal(one('fresh'))).toMatchObject({ message: expect.stringContaining('teller, other') as unknown });
  });
});
