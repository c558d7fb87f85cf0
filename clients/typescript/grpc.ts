import {
  InterceptingCall,
  type InterceptingListener,
  type Interceptor,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import { requestBytes, sealedOfReply } from './sealed-wire.ts';
import { type ReplyOpener, SealError, type Sealer, sealedMethods } from './sealing.ts';

/**
 * A client interceptor for @grpc/grpc-js that seals chat calls, unary and streamed. `service` is the definition that the stubs
 * were made from: ts-proto's `ChatServiceService`, or `.service` of a client by @grpc/proto-loader. It belongs last in the list,
 * so that the others see messages in the clear. An answer that is not what the gateway sealed ends the call with DATA_LOSS.
 */
export function sealingInterceptor(sealer: Sealer, service: ServiceDefinition): Interceptor {
  return (options, nextCall) => {
    const { path } = options.method_definition;
    const method = Object.values(service).find((each) => each.path === path);
    if (method === undefined || !sealedMethods.has(path)) return new InterceptingCall(nextCall(options));

    const call = nextCall(options);
    let reply: ReplyOpener | undefined;
    let broken: string | undefined;
    const refuse = (thrown: unknown): void => {
      broken ??= thrown instanceof SealError ? thrown.message : 'a reply of another form';
    };

    const opener = (): ReplyOpener => {
      if (reply === undefined) throw new SealError('a reply before its request');
      return reply;
    };

    const open = async (opener: ReplyOpener, message: object): Promise<object | undefined> => {
      const sealed = sealedOfReply(method.responseSerialize(message));
      const plaintext = await (method.responseStream ? opener.open(sealed) : opener.openWhole(sealed));
      // The end mark of a stream is a message of its own, with nothing in it.
      if (method.responseStream && plaintext.length === 0) return undefined;
      return method.responseDeserialize(Buffer.from(plaintext));
    };

    // One after another, the status last.
    let opening = Promise.resolve();
    const listen = (listener: InterceptingListener): InterceptingListener => ({
      onReceiveMetadata: (metadata) => listener.onReceiveMetadata(metadata),
      onReceiveMessage(message: object | null) {
        // grpc-js tells so that a unary call has no answer.
        if (message === null) return listener.onReceiveMessage(message);
        opening = opening.then(async () => {
          if (broken !== undefined) return;
          try {
            const opened = await open(opener(), message);
            if (opened === undefined) call.startRead();
            else listener.onReceiveMessage(opened);
          } catch (thrown) {
            refuse(thrown);
            call.cancelWithStatus(status.DATA_LOSS, broken ?? '');
          }
        });
      },
      onReceiveStatus(told) {
        void opening.then(() => {
          try {
            if (told.code === status.OK) opener().end();
          } catch (thrown) {
            refuse(thrown);
          }
          listener.onReceiveStatus(broken === undefined ? told : { ...told, code: status.DATA_LOSS, details: broken });
        });
      },
    });

    return new InterceptingCall(call, {
      start: (metadata, listener, next) => next(metadata, listen(listener)),
      sendMessage(message, next) {
        sealer.seal(path, method.requestSerialize(message)).then(
          (sealed) => {
            reply = sealed.reply;
            next(method.requestDeserialize(Buffer.from(requestBytes(sealed.sealed))));
          },
          (thrown: unknown) => call.cancelWithStatus(status.INTERNAL, String(thrown)),
        );
      },
    });
  };
}
