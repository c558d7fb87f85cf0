import { Fault } from '../../kernel/fault.ts';
import type { Rpc } from '../../kernel/method.ts';
import type { Calls } from '../calls.ts';
import type { ServerOptions, ServerParts } from '../parts.ts';
import { pathOf } from '../paths.ts';
import { type Coding, codingNames } from './compression.ts';
import type { RpcExchange } from './exchange.ts';

/** What a lane is made of. */
export interface LaneInit {
  readonly rpcs: readonly Rpc[];
  /** Methods that need no credential, by path. */
  readonly open: ReadonlySet<string>;
  readonly parts: Pick<ServerParts, 'gate' | 'clock' | 'statusOf'>;
  readonly options: Pick<ServerOptions, 'maxRequestBytes' | 'requestTimeoutMs' | 'stalledReaderMs'>;
  readonly calls: Calls;
}

/** What the headers of a call ask for. */
export interface Asked {
  /** Name of the request's compression, and what it is: null where it is not known. */
  readonly codingName: string | undefined;
  readonly coding: Coding | undefined | null;
  /** The time that the caller waits, as it is written, and in milliseconds; undefined for none or a bad one. */
  readonly timeoutText: string | undefined;
  readonly timeout: number | undefined;
}

/** The methods that take one message, by path. */
export const oneMessageMethods = (rpcs: readonly Rpc[]): ReadonlyMap<string, Rpc> =>
  new Map(
    rpcs
      .filter(({ desc }) => desc.methodKind === 'unary' || desc.methodKind === 'server_streaming')
      .map((rpc) => [pathOf(rpc.desc), rpc]),
  );

/** Lets calls in: the gate is asked, then what the headers ask for is looked at, then the request is read. */
export function createEntrance({ open, parts, calls }: LaneInit): (exchange: RpcExchange, asked: Asked) => void {
  /** Runs `next` once the gate has let the call in. */
  const admit = (exchange: RpcExchange, next: () => void): void => {
    const { call } = exchange;
    const refuse = (thrown: unknown): void => exchange.refuse({ fault: Fault.from(thrown) });
    try {
      const waiting = open.has(call.method) ? undefined : parts.gate.authenticate(call);
      if (waiting === undefined) next();
      else waiting.then(next, refuse);
    } catch (thrown) {
      refuse(thrown);
    }
  };

  return (exchange, { codingName = '', coding, timeoutText, timeout }) => {
    if (timeout !== undefined) calls.armDeadline(exchange.call, timeout);
    admit(exchange, () => {
      const { refusals } = exchange;
      if (coding === null) exchange.refuse(refusals.unknownCoding(codingName, codingNames));
      else if (timeoutText !== undefined && timeout === undefined) exchange.refuse(refusals.badTimeout(timeoutText));
      else exchange.read();
    });
  };
}
