import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { SealedPayloadSchema } from '../gen/es/llmbridge/v1/sealed_pb.ts';
import { unaryPath } from '../test/support/chat.ts';
import { SealedCaller } from '../test/support/sealed-caller.ts';
import { openedCall } from './interceptors/testing/opened-call.ts';
import { systemClock } from './kernel/clock.ts';
import { createSealing } from './sealing.ts';

test('a process that sees a part of what comes under a key tells of it after its part of 2^31', async () => {
  const secret = randomBytes(32);
  const key = { id: 'k1', secret: secret.toString('hex'), state: 'active' as const };
  const config = {
    mode: 'optional',
    keys: [key],
    window: 300_000,
    padding: 'off',
    epoch_guard: 0,
    on_outage: 'closed',
  } as const;
  const worn: string[] = [];
  const { seals } = createSealing({ ...config, keys: [key] }, 2 ** 30, systemClock, {
    sealingKeyWorn: (keyId) => worn.push(keyId),
  });
  for (const told of [0, 1]) {
    const sealed = create(SealedPayloadSchema, await new SealedCaller(secret, 'k1').seal(unaryPath, new Uint8Array()));
    await seals?.open(openedCall(), sealed, unaryPath);
    expect(worn).toHaveLength(told);
  }
});
