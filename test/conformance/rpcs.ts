import { create, type FileRegistry, type Message } from '@bufbuild/protobuf';
import type { Call } from '../../src/kernel/call.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { Code, Fault } from '../../src/kernel/fault.ts';
import { type Method, type Reply, type Rpc, rpc } from '../../src/kernel/method.ts';
import type { RpcStatus } from '../../src/transports/status.ts';
import {
  createPayloads,
  type ErrorDefinition,
  type Metadata,
  type StreamRequest,
  type UnaryRequest,
} from './definitions.ts';
import { conformanceService } from './descriptors.ts';

/** A message before it is made. */
type Init = Record<string, unknown>;

/** An error that the suite words, down to its code and details. */
class SuiteFault extends Fault {
  readonly status: RpcStatus;

  constructor(status: RpcStatus) {
    super('INTERNAL', status.message);
    this.status = status;
  }
}

/** The suite counts details, so that nothing may be added to what it asked for. */
export const suiteStatus = (fault: Fault): RpcStatus =>
  fault instanceof SuiteFault ? fault.status : { code: fault.shape.code, message: fault.message, details: [] };

/** The suite's methods that take one message, served as the gateway's own are: by whatever lane takes the call. */
export function conformanceRpcs(registry: FileRegistry): Rpc[] {
  const service = conformanceService(registry);
  const payloads = createPayloads(registry);
  const method = <I extends Message>(localName: string, handle: Method<I, Init>): Rpc => {
    const desc = service.method[localName];
    if (desc === undefined) throw new Error(`the suite has no method ${localName}`);
    const answer: Method<I, Message> = (call, request, reply) =>
      handle(call, request, {
        message: (message) => reply.message(create(desc.output, message)),
        onDrain: (resume) => reply.onDrain(resume),
      });
    return rpc(desc, answer);
  };
  const infoOf = (call: Call, request: Message): Message =>
    payloads.requestInfo({
      headers: headersOf(call),
      timeoutMs: call.deadline === undefined ? undefined : Math.round(call.deadline - systemClock.now()),
      requests: [request],
    });
  const faultOf = (definition: ErrorDefinition, info: Message | undefined): SuiteFault =>
    new SuiteFault({
      code: definition.code as Code,
      message: definition.message ?? '',
      details: payloads.details(definition, info),
    });

  const unary = async (call: Call, request: UnaryRequest, reply: Reply<Init>): Promise<void> => {
    const definition = request.responseDefinition;
    setMetadata(call, definition);
    if (definition?.responseDelayMs) await pause(definition.responseDelayMs, call);
    const info = infoOf(call, request);
    if (definition?.response.case === 'error') throw faultOf(definition.response.value, info);
    const data = definition?.response.case === 'responseData' ? definition.response.value : new Uint8Array();
    reply.message({ payload: { data, requestInfo: info } });
  };

  const serverStream = async (call: Call, request: StreamRequest, reply: Reply<Init>): Promise<void> => {
    const definition = request.responseDefinition;
    setMetadata(call, definition);
    let info: Message | undefined = infoOf(call, request);
    for (const data of definition?.responseData ?? []) {
      if (definition?.responseDelayMs) await pause(definition.responseDelayMs, call);
      const payload = info === undefined ? { data } : { data, requestInfo: info };
      if (!reply.message({ payload })) await new Promise<void>((go) => reply.onDrain(go));
      info = undefined;
    }
    if (definition?.error) throw faultOf(definition.error, info);
  };

  return [
    method('unary', unary),
    method('serverStream', serverStream),
    method('unimplemented', async () => {
      throw new SuiteFault({ code: Code.UNIMPLEMENTED, message: 'not implemented', details: [] });
    }),
  ];
}

function* headersOf({ headers }: Call): Generator<[string, string]> {
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':')) continue;
    for (const one of [value].flat()) yield [name, one];
  }
}

function setMetadata(call: Call, definition: Metadata | undefined): void {
  const trailers: Record<string, string> = {};
  for (const { name, value } of definition?.responseHeaders ?? []) call.replyHeaders[name] = value.join(', ');
  for (const { name, value } of definition?.responseTrailers ?? []) trailers[name] = value.join(', ');
  call.replyTrailers = trailers;
}

/** Waits, unless the call is cancelled. */
const pause = (ms: number, call: Call): Promise<void> =>
  new Promise((resolve, reject) => {
    const disarm = systemClock.after(ms, () => {
      forget();
      resolve();
    });
    const forget = call.cancellation.onCancel((fault) => {
      disarm();
      reject(fault);
    });
  });
