import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { type ContentPart, ContentPartSchema, MessageSchema, Role } from '../../gen/es/llmbridge/v1/content_pb.ts';
import type { ProviderAdapter } from '../../src/kernel/adapter.ts';
import { newToolCall } from '../../src/kernel/messages.ts';
import { providerTypes } from '../../src/providers/index.ts';
import { encoded, user } from './dialect.ts';

// A provider refuses reasoning, or a call, with a signature that is not its own.

/** A dialect that signs, whose signatures it takes, and what its models are called. */
interface Signer {
  readonly name: string;
  readonly type: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly signs: string;
  readonly takes: readonly string[];
  readonly model: string;
  /** It knows reasoning by its id alone, and a turn with any other by none. */
  readonly named?: true;
}

const signers: readonly Signer[] = [
  { name: 'anthropic', type: 'anthropic', signs: 'anthropic', takes: ['anthropic', 'bedrock'], model: 'claude' },
  { name: 'bedrock', type: 'bedrock', signs: 'bedrock', takes: ['anthropic', 'bedrock'], model: 'anthropic.claude' },
  { name: 'gemini', type: 'gemini', signs: 'gemini', takes: ['gemini'], model: 'gemini-3' },
  {
    name: 'responses',
    type: 'openai',
    options: { api: 'responses' },
    signs: 'openai-responses',
    takes: ['openai-responses'],
    model: 'gpt',
    named: true,
  },
  { name: 'openrouter', type: 'openrouter', signs: 'openrouter', takes: ['openrouter'], model: 'm' },
];

function adapterOf({ type, options = {} }: Signer): ProviderAdapter {
  const found = providerTypes.find((each) => each.type === type);
  if (found === undefined) throw new Error(`no ${type}`);
  return found.adapter({ name: type, basePath: '', headers: {}, options });
}

const proof = 'UFJPT0Y=';

/** Every kind of part that bears a signature, of `signedBy`'s. */
function parts(signedBy: string): ContentPart[] {
  const bytes = Uint8Array.from(Buffer.from(proof, 'base64'));
  const image = { source: { case: 'url' as const, value: 'data:image/png;base64,iVBORw0KGgo=' }, signature: bytes };
  const all: ContentPart['part'][] = [
    create(ContentPartSchema, { part: { case: 'reasoning', value: { text: 'thought', signature: proof } } }).part,
    create(ContentPartSchema, { part: { case: 'reasoning', value: { redacted: proof } } }).part,
    create(ContentPartSchema, { part: { case: 'reasoning', value: { id: 'rs_1', redacted: proof } } }).part,
    create(ContentPartSchema, { part: { case: 'text', value: { text: 'said', signature: bytes } } }).part,
    create(ContentPartSchema, { part: { case: 'image', value: image } }).part,
    create(ContentPartSchema, { part: { case: 'toolCall', value: { id: 'call_1', signature: proof } } }).part,
  ];
  return all.map((part) => create(ContentPartSchema, { part, ...(signedBy !== '' && { signedBy }) }));
}

function sent(signer: Signer, signedBy: string) {
  const message = create(MessageSchema, {
    role: Role.ASSISTANT,
    parts: parts(signedBy).filter(
      ({ part }) => signer.named !== true || part.case !== 'reasoning' || part.value.id !== '',
    ),
    toolCalls: [newToolCall('call_1', 'look', '{}')],
  });
  const result = create(MessageSchema, { role: Role.TOOL, toolCallId: 'call_1', content: 'seen' });
  const { body, notes } = encoded(adapterOf(signer), signer.model, { messages: [user('hi'), message, result] });
  return { body: String(body), notes: notes.map(({ name }) => name) };
}

describe.each(signers)('$name', (signer) => {
  test.each(signers)('and signatures of $name', ({ signs }) => {
    const { body, notes } = sent(signer, signs);
    expect(body).toContain('said');
    expect(body).toContain('call_1');
    if (signer.takes.includes(signs)) {
      expect(body).toContain(proof);
      expect(notes.filter((name) => name.endsWith('.signature'))).toEqual([]);
    } else {
      expect(body).not.toContain(proof);
      expect(notes).toContain('messages[1].parts[0].signature');
    }
  });

  test('a signature that does not say whose it is goes to whoever serves', () => {
    expect(sent(signer, '').body).toContain(proof);
  });
});
