import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { type ReplyOpener, SealError, type Sealed, type Sealer, sealedMethods } from './sealing.ts';

type AnyMessage = MessageShape<DescMessage>;

/** A message of the chat service with its sealed form. */
interface Sealable {
  readonly sealed?: Sealed;
}

/**
 * An interceptor that seals chat calls, unary and streamed, over each protocol that a Connect transport speaks. It belongs last
 * in the list, so that the others see messages in the clear. An answer that is not what the gateway sealed is a
 * ConnectError of DATA_LOSS with a SealError as its cause.
 */
export function sealingInterceptor(sealer: Sealer): Interceptor {
  return (next) => async (request) => {
    const { input, output } = request.method;
    const method = `/${request.service.typeName}/${request.method.name}`;
    if (!sealedMethods.has(method)) return next(request);

    const seal = async (message: AnyMessage) => {
      const { sealed, reply } = await sealer.seal(method, toBinary(input, message));
      return { reply, message: create(input, { sealed } as Record<string, unknown>) };
    };
    if (!request.stream) {
      const { message, reply } = await seal(request.message);
      const response = await next({ ...request, message });
      if (response.stream) throw refused(new SealError('a stream in the place of an answer'));
      const plaintext = await reply.openWhole((response.message as Sealable).sealed).catch(rethrow);
      return { ...response, message: fromBinary(output, plaintext) };
    }
    const one = await only(request.message);
    const { message, reply } = await seal(one);
    const response = await next({ ...request, message: once(message) });
    if (!response.stream) throw refused(new SealError('an answer in the place of a stream'));
    return { ...response, message: opened(response.message as AsyncIterable<Sealable & AnyMessage>, reply, output) };
  };
}

async function* opened(
  messages: AsyncIterable<Sealable & AnyMessage>,
  reply: ReplyOpener,
  output: DescMessage,
): AsyncGenerator<AnyMessage> {
  try {
    for await (const { sealed } of messages) {
      const plaintext = await reply.open(sealed);
      // The end mark is a message of its own, with nothing in it.
      if (plaintext.length > 0) yield fromBinary(output, plaintext);
    }
    reply.end();
  } catch (thrown) {
    rethrow(thrown);
  }
}

const refused = (cause: SealError): ConnectError =>
  new ConnectError(cause.message, Code.DataLoss, undefined, undefined, cause);

function rethrow(thrown: unknown): never {
  throw thrown instanceof SealError ? refused(thrown) : thrown;
}

async function only<T>(messages: AsyncIterable<T>): Promise<T> {
  for await (const message of messages) return message;
  throw new ConnectError('a chat call has one request', Code.InvalidArgument);
}

async function* once<T>(message: T): AsyncGenerator<T> {
  yield message;
}
