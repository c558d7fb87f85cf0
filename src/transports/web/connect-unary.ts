import type { JsonWriteOptions, Message } from '@bufbuild/protobuf';
import { leastCompressed, mostCompressed } from '../rpc/frame.ts';
import type { Refusal, Refusals } from '../rpc/refusal.ts';
import type { RequestReader } from '../rpc/request-message.ts';
import type { Surroundings } from '../rpc/surroundings.ts';
import type { RpcStatus } from '../status.ts';
import type { Codec } from './codec.ts';
import { errorOf, httpStatusOf } from './error-json.ts';
import { type WebCall, WebExchange } from './exchange.ts';

const none = Buffer.alloc(0);

/** A request whose body is its message, as it comes. */
class WholeBody implements RequestReader {
  readonly compressed: boolean;
  readonly #limit: number;
  readonly #refusals: Refusals;
  readonly #pieces: Buffer[] = [];
  #size = 0;

  constructor(limit: number, refusals: Refusals, compressed: boolean) {
    this.#limit = limit;
    this.#refusals = refusals;
    this.compressed = compressed;
  }

  get bytes(): Buffer {
    return this.#pieces.length > 1 ? Buffer.concat(this.#pieces, this.#size) : (this.#pieces[0] ?? none);
  }

  push(piece: Buffer): Refusal | undefined {
    this.#size += piece.length;
    if (this.#size > this.#limit) return this.#refusals.tooLarge();
    this.#pieces.push(piece);
    return undefined;
  }

  end(): undefined {}
}

/** How Connect's unary calls of one codec are spoken. */
export interface UnaryForm {
  readonly codec: Codec;
  readonly contentType: string;
  /** How the details of errors are written. */
  readonly json: Partial<JsonWriteOptions>;
}

/** A unary call of Connect's own protocol: bodies are messages, errors are JSON, trailers are headers. */
export class ConnectUnaryExchange extends WebExchange {
  readonly #form: UnaryForm;

  constructor(around: Surroundings, web: WebCall, refusals: Refusals, form: UnaryForm) {
    super(around, web, refusals, new WholeBody(around.maxRequestBytes, refusals, web.coding !== undefined));
    this.#form = form;
  }

  override read(): void {
    const bytes = Number(this.request.headers['content-length'] ?? 0);
    if (bytes > this.around.maxRequestBytes) this.refuse(this.refusals.tooLarge(bytes));
    else super.read();
  }

  protected decode(bytes: Uint8Array): Message {
    return this.#form.codec.decode(this.rpc.desc.input, bytes);
  }

  protected conclude(answer: Message): void {
    const { codec, contentType } = this.#form;
    const body = codec.encode(this.rpc.desc.output, answer);
    this.over = true;
    if (this.gone) return;
    this.#send(200, contentType, body);
    this.around.unread.watch(this);
  }

  protected tell(status: RpcStatus): void {
    this.#send(httpStatusOf(status.code), 'application/json', JSON.stringify(errorOf(status, this.#form.json)));
  }

  #send(status: number, contentType: string, body: string | Uint8Array): void {
    const headers: Record<string, string> = { 'content-type': contentType };
    const { replyTrailers } = this.call;
    for (const name in replyTrailers) headers[`trailer-${name}`] = replyTrailers[name] ?? '';
    const coding = this.answerCoding;
    const size = coding === undefined ? 0 : Buffer.byteLength(body);
    if (coding === undefined || size < leastCompressed) {
      this.whole(status, headers, body);
      return;
    }
    headers['content-encoding'] = coding.name;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    if (size <= mostCompressed) {
      this.whole(status, headers, coding.compress(bytes));
      return;
    }
    coding.compressApart(bytes, (error, compressed) => {
      if (this.gone) return;
      // A buffer in memory can be compressed unless memory is out; uncompressed it serves as well.
      if (error !== null) delete headers['content-encoding'];
      this.whole(status, headers, error === null ? compressed : bytes);
    });
  }

  // A unary answer has no parts.
  protected encode(): Buffer {
    return none;
  }

  protected begin(): void {}

  protected write(): boolean {
    return true;
  }
}
