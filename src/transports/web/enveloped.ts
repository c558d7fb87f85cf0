import type { OutgoingHttpHeaders } from 'node:http';
import type { Message } from '@bufbuild/protobuf';
import { encodeBase64 } from '../connect/grpc-web-text.ts';
import { frame } from '../rpc/frame.ts';
import type { Refusals } from '../rpc/refusal.ts';
import { RequestMessage, type RequestReader } from '../rpc/request-message.ts';
import type { Surroundings } from '../rpc/surroundings.ts';
import type { RpcStatus } from '../status.ts';
import { Base64Message } from './base64-message.ts';
import type { Codec } from './codec.ts';
import { latin1, type WebCall, WebExchange } from './exchange.ts';

/** How calls whose messages are in envelopes are spoken, in one protocol and codec. */
export interface EnvelopedForm {
  readonly codec: Codec;
  /** Of the answer. */
  readonly contentType: string;
  /** The header that names how its messages are compressed. */
  readonly codingHeader: string;
  /** Whether both bodies are base64. */
  readonly text: boolean;
  /** Marks the envelope that ends the answer. */
  readonly endFlag: number;
  /** What that envelope holds: how the call ended, undefined for well, and its trailing metadata. */
  end(status: RpcStatus | undefined, trailers: Readonly<Record<string, string>> | undefined): Buffer;
}

/** A call whose messages are in envelopes, the last of which tells how it ended: Connect's streams, and all of gRPC-web. */
export class EnvelopedExchange extends WebExchange {
  readonly #form: EnvelopedForm;
  #headSent = false;
  /** Whether chunks are framed here and not by Node, which would make three writes of each. */
  #framed = false;

  constructor(around: Surroundings, web: WebCall, refusals: Refusals, form: EnvelopedForm) {
    super(around, web, refusals, readerOf(around, refusals, form));
    this.#form = form;
  }

  protected decode(bytes: Uint8Array): Message {
    return this.#form.codec.decode(this.rpc.desc.input, bytes);
  }

  protected encode(message: Message): Buffer {
    return this.#form.codec.frame(this.rpc.desc.output, message, this.answerCoding);
  }

  protected begin(): void {
    if (this.#headSent) return;
    this.#headSent = true;
    const { response } = this;
    if (!this.head(200, this.#headers()) || response.chunkedEncoding !== true) return;
    response.chunkedEncoding = false;
    this.#framed = true;
  }

  protected write(bytes: Buffer): boolean {
    const body = this.#form.text ? encodeBase64(bytes) : bytes;
    return this.#framed ? this.response.write(chunk(body), 'latin1') : this.response.write(body);
  }

  protected conclude(answer: Message | undefined, rest: Buffer | undefined): void {
    const last = answer === undefined ? rest : this.encode(answer);
    const end = this.#end(undefined);
    this.over = true;
    if (this.gone) return;
    this.#finish(last, end);
    this.around.unread.watch(this);
  }

  protected tell(status: RpcStatus): void {
    this.#finish(this.gathered.take(), this.#end(status));
  }

  #end(status: RpcStatus | undefined): Buffer {
    const { endFlag } = this.#form;
    return frame(this.#form.end(status, this.call.replyTrailers), this.answerCoding, endFlag);
  }

  #finish(last: Buffer | undefined, end: Buffer): void {
    const bytes = last === undefined ? end : Buffer.concat([last, end]);
    const body = this.#form.text ? encodeBase64(bytes) : bytes;
    if (!this.#headSent) {
      this.#headSent = true;
      this.whole(200, this.#headers(), body);
    } else if (this.#framed) this.response.end(`${chunk(body)}0\r\n\r\n`, 'latin1');
    else this.response.end(body);
  }

  #headers(): OutgoingHttpHeaders {
    const { contentType, codingHeader } = this.#form;
    const headers: OutgoingHttpHeaders = { 'content-type': contentType };
    if (this.answerCoding !== undefined) headers[codingHeader] = this.answerCoding.name;
    return headers;
  }
}

function readerOf({ maxRequestBytes }: Surroundings, refusals: Refusals, { text }: EnvelopedForm): RequestReader {
  const message = new RequestMessage(maxRequestBytes, refusals);
  return text ? new Base64Message(message, refusals) : message;
}

/** A chunk of RFC 9112, section 7.1. */
const chunk = (bytes: Buffer): string => `${bytes.length.toString(16)}\r\n${latin1(bytes)}\r\n`;
