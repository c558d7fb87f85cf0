import type { ChatCompletionRequest } from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { ParameterNote } from '../../gen/es/llmbridge/v1/report_pb.ts';
import type { Dialect, SourceText } from './call.ts';
import type { Fault } from './fault.ts';
import type { ChatChunk, ChatResponse } from './messages.ts';
import type { ModelListApi } from './model-listing.ts';
import type { HttpRequest, ResponseHeaders } from './upstream.ts';

/** What to ask, of which model, with which key. */
export interface ChatInput {
  readonly request: ChatCompletionRequest;
  /** The request as the caller wrote it, where it came in a provider's dialect. */
  readonly source: SourceText | undefined;
  /** The provider's own name of the model. */
  readonly model: string;
  /** Empty where the provider takes none. */
  readonly apiKey: string;
  readonly stream: boolean;
}

/** A request in the provider's dialect, and what became of the parameters on the way. */
export interface EncodedRequest extends HttpRequest {
  readonly notes: readonly ParameterNote[];
}

/** One unit of a stream's framing: an SSE event, an NDJSON line, an AWS event. */
export interface Frame {
  /** SSE's `event`, AWS's `:event-type`; empty where there is none. */
  readonly event: string;
  readonly data: string;
}

export type Framing = 'sse' | 'ndjson' | 'aws-event-stream';

export type EmitChunk = (chunk: ChatChunk) => void;

/** Makes chunks of one answer's frames; holds that answer's state. */
export interface StreamDecoder {
  /** Throws a Fault for an error event, and for one that makes no sense. */
  push(frame: Frame, emit: EmitChunk): void;
  /**
   * To be called when the body ended; throws PROVIDER_STREAM_CUT unless the answer was whole. Where the connection broke
   * or fell silent instead (`broken`), only the dialect's own end mark, which nothing follows, makes it whole.
   */
  end(emit: EmitChunk, broken?: boolean): void;
}

/** A provider's answer that is not a success. */
export interface HttpFailure {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** At most the first 64 KiB. */
  readonly body: Uint8Array;
  /** Milliseconds since the Unix epoch, for `Retry-After` dates. */
  readonly now: number;
}

/** One provider instance's dialect. It has no socket, clock, retry or log: bytes and messages in, messages and bytes out. */
export interface ProviderAdapter {
  readonly framing: Framing;
  /** Throws a Fault for what the dialect cannot carry at all. */
  encode(input: ChatInput): EncodedRequest;
  /**
   * The whole body of a 2xx answer. Throws a Fault for an error in it, PROVIDER_MALFORMED for nonsense. `reads` is the
   * dialect that the caller understands, if any: what is in it, and needs no change, keeps its `source`.
   */
  decode(body: Uint8Array, reads?: Dialect): ChatResponse;
  decoder(reads?: Dialect): StreamDecoder;
  /** Classifies a failure; the Fault's `blame` tells what may be tried next. */
  fault(failure: HttpFailure): Fault;
  /** Undefined where the provider has no list of what can be asked for. */
  readonly models?: ModelListApi;
}

/** What an instance's configuration gives its adapter. */
export interface ProviderSettings {
  /** The instance's name in the configuration. */
  readonly name: string;
  /** Path part of `base_url`, without a slash at the end. */
  readonly basePath: string;
  /** Extra headers of the instance's configuration, lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Options of this provider type, as its `options` schema gave them. */
  readonly options: Readonly<Record<string, unknown>>;
}
