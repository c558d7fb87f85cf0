import { create, type DescMessage, type FileRegistry, type Message } from '@bufbuild/protobuf';
import { type Any, anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { messageOf } from './descriptors.ts';

export interface Header {
  readonly name: string;
  readonly value: readonly string[];
}

export interface ErrorDefinition {
  readonly code: number;
  readonly message?: string;
  readonly details: readonly Any[];
}

/** What headers and trailers an answer is to have. */
export interface Metadata {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
}

export interface UnaryDefinition extends Metadata {
  readonly responseDelayMs: number;
  readonly response:
    | { readonly case: 'responseData'; readonly value: Uint8Array }
    | { readonly case: 'error'; readonly value: ErrorDefinition }
    | { readonly case: undefined };
}

export interface StreamDefinition extends Metadata {
  readonly responseDelayMs: number;
  readonly responseData: readonly Uint8Array[];
  readonly error?: ErrorDefinition;
}

export type UnaryRequest = Message & { readonly responseDefinition?: UnaryDefinition };
export type StreamRequest = Message & { readonly responseDefinition?: StreamDefinition; readonly fullDuplex?: boolean };

/** What a handler saw of a call, to be told in the answer. */
export interface Seen {
  readonly headers: Iterable<readonly [string, string]>;
  readonly timeoutMs: number | undefined;
  readonly requests: readonly Message[];
  /** Of a GET. */
  readonly query?: Iterable<readonly [string, string]>;
}

/** One detail of an error, its message decoded. */
export interface Detail {
  readonly desc: DescMessage;
  readonly value: Message;
}

/** Makes the suite's messages that both ways of serving it answer with. */
export interface Payloads {
  requestInfo(seen: Seen): Message;
  /** An error's details: those that it asks for, and what was seen, where the answer has not told that yet. */
  details(definition: ErrorDefinition, info: Message | undefined): Detail[];
}

const headersOf = (pairs: Iterable<readonly [string, string]>): Header[] =>
  [...pairs].map(([name, value]) => ({ name, value: [value] }));

export function createPayloads(registry: FileRegistry): Payloads {
  const infoDesc = messageOf(registry, 'ConformancePayload.RequestInfo');
  return {
    requestInfo({ headers, timeoutMs, requests, query }) {
      return create(infoDesc, {
        requestHeaders: headersOf(headers),
        ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(timeoutMs) }),
        requests: requests.map((request) => anyPack(registry.getMessage(request.$typeName) ?? infoDesc, request)),
        ...(query === undefined ? {} : { connectGetInfo: { queryParams: headersOf(query) } }),
      });
    },

    details(definition, info) {
      const details = definition.details.map((any) => {
        const value = anyUnpack(any, registry);
        const desc = value && registry.getMessage(value.$typeName);
        if (value === undefined || desc === undefined) throw new Error(`unknown detail ${any.typeUrl}`);
        return { desc, value };
      });
      return info === undefined ? details : [...details, { desc: infoDesc, value: info }];
    },
  };
}
