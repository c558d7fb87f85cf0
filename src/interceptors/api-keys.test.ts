import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Fault } from '../kernel/fault.ts';
import { type ApiKey, createApiKeys } from './api-keys.ts';
import { createGroupModels } from './group-models.ts';
import { openedCall } from './testing/opened-call.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const key = (secret: string, more: Partial<ApiKey> = {}): ApiKey => ({
  name: `${secret}-name`,
  user: `${secret}-user`,
  sha256: sha256(secret),
  disabled: false,
  ...more,
});

const call = openedCall();
const groupModels = createGroupModels({ staff: { models: ['fast', 'slow'] } });

const ask = (keys: readonly ApiKey[], presented: string | undefined, now = 1_000) =>
  createApiKeys(keys, groupModels, { wall: () => now }).identify(call, presented);

test('groups narrow what a key may ask for', () => {
  const told = (more: Partial<ApiKey>) => ask([key('one', more)], 'one');
  expect(told({ groups: ['staff'] })).toMatchObject({ groups: ['staff'], models: new Set(['fast', 'slow']) });
  expect(told({ groups: ['staff'], models: ['fast', 'sim'] })).toMatchObject({ models: new Set(['fast']) });
  expect(told({ groups: [] })).toMatchObject({ groups: [], models: new Set() });
  expect(told({})).not.toHaveProperty('groups');
  expect(told({})).not.toHaveProperty('models');
});

describe('API keys', () => {
  const keys = [key('one'), key('two', { models: ['fast', 'sim'] }), key('schlüssel')];

  test('name their user, and what the user may ask for', () => {
    expect(ask(keys, 'one')).toEqual({ user: 'one-user', method: 'api-key', credential: 'one-name' });
    expect(ask(keys, 'two')).toEqual({
      user: 'two-user',
      method: 'api-key',
      credential: 'two-name',
      models: new Set(['fast', 'sim']),
    });
    const asNodeTellsIt = Buffer.from('schlüssel').toString('latin1');
    expect(ask(keys, asNodeTellsIt)).toMatchObject({ user: 'schlüssel-user' });
  });

  test('an empty list of models allows none', () => {
    expect(ask([key('none', { models: [] })], 'none')).toMatchObject({ models: new Set() });
  });

  test.each([undefined, '', 'three', 'ONE', 'one ', sha256('one')])('%j is none of them', (presented) => {
    expect(ask(keys, presented)).toBeUndefined();
  });

  test('the hash is compared as bytes, whatever its letters', () => {
    const upper = key('one', { sha256: sha256('one').toUpperCase() });
    expect(ask([upper], 'one')).toMatchObject({ user: 'one-user' });
  });

  test.each<[string, Partial<ApiKey>, number, boolean]>([
    ['before it expires', { expires: 2_000 }, 1_999, true],
    ['in the moment it expires', { expires: 2_000 }, 2_000, false],
    ['long after', { expires: 2_000 }, 9_000_000, false],
    ['disabled', { disabled: true }, 0, false],
    ['disabled and not expired', { disabled: true, expires: 2_000 }, 0, false],
  ])('%s', (_, more, now, good) => {
    const keyed = () => ask([key('one', more)], 'one', now);
    if (good) expect(keyed()).toMatchObject({ user: 'one-user' });
    else {
      expect(keyed).toThrow(Fault);
      expect(keyed).toThrow('the credential is not valid');
    }
  });
});
