import { type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import {
  ChatCompletionRequestSchema,
  ChatCompletionResponseSchema,
  StreamChatCompletionResponseSchema,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { SealedPayload } from '../../gen/es/llmbridge/v1/sealed_pb.ts';
import type { Call } from '../kernel/call.ts';
import { Fault, invalidField } from '../kernel/fault.ts';
import { type ChatRequest, newChunk, newResponse } from '../kernel/messages.ts';
import type { Interceptor, Method, Reply } from '../kernel/method.ts';
import type { OpenedSeal, Seals } from '../kernel/seals.ts';

export interface UnsealOptions {
  /** Whether chat calls may be sealed, must be, or can't. */
  readonly mode: 'off' | 'optional' | 'required';
  readonly seals: Seals;
}

const required = () => new Fault('SEAL_REQUIRED', 'chat calls must be sealed here; docs/sealing.md tells how');

const none = new Uint8Array(0);

/** What a reply in the clear is, for each of the two methods. */
interface Shape {
  readonly schema: DescMessage;
  /** Whether one message is all. */
  readonly whole: boolean;
  around(sealed: SealedPayload): Message;
}

const wholeShape: Shape = {
  schema: ChatCompletionResponseSchema,
  whole: true,
  around: (sealed) => ({ ...newResponse(), sealed }),
};
const streamShape: Shape = {
  schema: StreamChatCompletionResponseSchema,
  whole: false,
  around: (sealed) => ({ ...newChunk(), sealed }),
};

/** Puts each message of a reply, sealed, in an empty message of the same kind. */
class SealedReply implements Reply<Message> {
  readonly #reply: Reply<Message>;
  readonly #shape: Shape;
  readonly #opened: OpenedSeal;

  constructor(reply: Reply<Message>, shape: Shape, opened: OpenedSeal) {
    this.#reply = reply;
    this.#shape = shape;
    this.#opened = opened;
  }

  message(message: Message): boolean {
    const { schema, whole } = this.#shape;
    return this.#send(toBinary(schema, message), whole);
  }

  onDrain(resume: () => void): void {
    this.#reply.onDrain(resume);
  }

  /** The answer is whole. A stream says so by a last message with nothing in it, so that none has to wait for the next. */
  end(): void {
    if (!this.#shape.whole) this.#send(none, true);
  }

  #send(plaintext: Uint8Array, last: boolean): boolean {
    return this.#reply.message(this.#shape.around(this.#opened.seal(plaintext, last)));
  }
}

/** The request in the clear. */
function decode(plaintext: Uint8Array): ChatRequest {
  let request: ChatRequest;
  try {
    request = fromBinary(ChatCompletionRequestSchema, plaintext);
  } catch {
    throw invalidField('sealed', 'holds no ChatCompletionRequest in the binary form of Protocol Buffers');
  }
  if (request.sealed !== undefined) throw invalidField('sealed', 'is sealed twice');
  return request;
}

/**
 * A fault without a provider's words, which may quote what was sealed: the RPC protocols tell errors in the clear. Our own
 * words name models and fields, never contents.
 */
function withoutWords(fault: Fault): Fault {
  const { reason, detail } = fault;
  if (detail.blame === undefined || reason === 'PARAMETER_UNSUPPORTED') return fault;
  const { violations: _violations, metadata: _metadata, providerCode: _providerCode, ...kept } = detail;
  return new Fault(reason, 'the provider failed the sealed call; its words are not told in the clear', kept);
}

/**
 * Opens sealed chat requests before the method, and seals its reply: for the RPC protocols, where what is sealed is the
 * binary form of a message. The OpenAI-shaped surface seals JSON text, and opens it before its requests come here.
 */
export function createUnseal({ mode, seals }: UnsealOptions): Interceptor {
  return (next) => {
    const method = next as Method<unknown, unknown>;
    const serveSealed = async (call: Call, sealed: SealedPayload, reply: Reply<unknown>): Promise<void> => {
      if (mode === 'off') throw invalidField('sealed', 'this gateway opens no sealed messages (security.sealing.mode)');
      // What was sealed for that surface is not this message's binary form, and is open by now.
      if (call.protocol === 'http') throw invalidField('sealed', 'is sealed twice');
      const opened = await seals.open(call, sealed, call.method);
      const shape = call.method.endsWith('/StreamChatCompletion') ? streamShape : wholeShape;
      const sealing = new SealedReply(reply as Reply<Message>, shape, opened);
      try {
        await method(call, decode(opened.plaintext), sealing as Reply<unknown>);
      } catch (thrown) {
        throw withoutWords(Fault.from(thrown));
      }
      sealing.end();
    };
    // Not async: a call in the clear pays nothing for those that are sealed.
    const handle = (call: Call, request: unknown, reply: Reply<unknown>): Promise<void> => {
      const { sealed } = request as ChatRequest;
      if (sealed !== undefined) return serveSealed(call, sealed, reply);
      if ((mode === 'required' || call.principal.mustSeal) && call.sealedBy === '') return Promise.reject(required());
      return method(call, request, reply);
    };
    return handle as typeof next;
  };
}
