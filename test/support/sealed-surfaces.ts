import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { expect } from 'vitest';
import {
  ChatCompletionRequestSchema,
  ChatCompletionResponseSchema,
  ChatService,
  StreamChatCompletionResponseSchema,
} from '../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { SealedPayload } from '../../gen/es/llmbridge/v1/sealed_pb.ts';
import { newMessage } from '../../src/kernel/messages.ts';
import { connectFailure } from '../clients/connect.ts';
import type { ReplyOpener, Sealed, SealedCaller } from './sealed-caller.ts';

// Sealed calls on every surface, by a caller that has nothing of the gateway but docs/sealing.md.

/** What came of a call: the text, or why it failed, and all that stood on the wire in the clear. */
export interface Told {
  readonly text: string;
  readonly reason: string;
  readonly message: string;
  /** Whether the last mark came. */
  readonly whole: boolean;
}

export interface SealedSurface {
  readonly name: string;
  /** Seals a request to this surface; `model` is the simulator's, with its knobs. */
  seal(stream: boolean, model: string, by?: SealedCaller, issuedAt?: number): Promise<Sealed>;
  /** Sends it, and opens what comes. */
  send(url: string, stream: boolean, sealed: Sealed, headers?: Readonly<Record<string, string>>): Promise<Told>;
}

export interface SealedSurfacesOptions {
  /** Opens the replies, and seals unless a call says otherwise. */
  readonly caller: SealedCaller;
  /** Sent with each call unless it says otherwise. */
  readonly headers: Readonly<Record<string, string>>;
  /** What requests say. */
  readonly word: string;
}

const rpcMethod = (stream: boolean) => `/llmbridge.v1.ChatService/${stream ? 'Stream' : ''}ChatCompletion`;
const decoder = new TextDecoder();

const overRpc = (
  { caller, headers: own, word }: SealedSurfacesOptions,
  name: string,
  transport: (baseUrl: string) => Transport,
): SealedSurface => ({
  name,
  seal(stream, model, by = caller, issuedAt) {
    const message = { ...newMessage(3), content: word };
    const request = { $typeName: 'llmbridge.v1.ChatCompletionRequest' as const, model, messages: [message] };
    const plaintext = toBinary(ChatCompletionRequestSchema, { ...emptyRequest, ...request });
    return by.seal(rpcMethod(stream), plaintext, issuedAt);
  },
  async send(url, stream, sealed, headers = own) {
    const client = createClient(ChatService, transport(url));
    const reply = caller.reply(rpcMethod(stream), sealed.nonce);
    let text = '';
    try {
      if (stream) {
        for await (const chunk of client.streamChatCompletion({ sealed: { ...sealed } }, { headers })) {
          expect(chunk.choices).toEqual([]);
          const plaintext = await reply.open(sealedOf(chunk));
          const inner = fromBinary(StreamChatCompletionResponseSchema, plaintext);
          text += inner.choices[0]?.delta?.content ?? '';
        }
      } else {
        const response = await client.chatCompletion({ sealed: { ...sealed } }, { headers });
        expect(response.choices).toEqual([]);
        const plaintext = await reply.open(sealedOf(response));
        text = fromBinary(ChatCompletionResponseSchema, plaintext).choices[0]?.message?.content ?? '';
      }
      return { text, reason: '', message: '', whole: reply.whole };
    } catch (thrown) {
      const { reason = '', message } = connectFailure(ConnectError.from(thrown));
      return { text, reason, message, whole: reply.whole };
    }
  },
});

const emptyRequest = fromBinary(ChatCompletionRequestSchema, new Uint8Array());

function sealedOf({ sealed }: { readonly sealed?: SealedPayload | undefined }): Sealed {
  if (sealed === undefined) throw new Error('a reply in the clear');
  return sealed;
}

/** Bytes in base64url; what is 0, empty or false may be left out. */
interface SealedJson {
  readonly version: number;
  readonly key_id: string;
  readonly issued_at: number;
  readonly nonce: string;
  readonly ciphertext: string;
  readonly salt?: string;
  readonly sequence?: number;
  readonly last?: boolean;
}
interface ErrorJson {
  readonly error?: { readonly message: string; readonly code: string | null };
}
const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

const jsonMethod = '/v1/chat/completions';
const openJson = async (reply: ReplyOpener, { sealed }: { readonly sealed: SealedJson }): Promise<string> =>
  decoder.decode(
    await reply.open({
      version: sealed.version,
      keyId: sealed.key_id,
      issuedAt: sealed.issued_at,
      nonce: Buffer.from(sealed.nonce, 'base64url'),
      ciphertext: Buffer.from(sealed.ciphertext, 'base64url'),
      salt: Buffer.from(sealed.salt ?? '', 'base64url'),
      sequence: sealed.sequence ?? 0,
      last: sealed.last ?? false,
    }),
  );

const overJson = ({ caller, headers: own, word }: SealedSurfacesOptions): SealedSurface => ({
  name: 'OpenAI-shaped JSON',
  seal(stream, model, by = caller, issuedAt) {
    const body = { model, stream, messages: [{ role: 'user', content: word }] };
    return by.seal(jsonMethod, new TextEncoder().encode(JSON.stringify(body)), issuedAt);
  },
  async send(url, stream, { version, keyId, issuedAt, nonce, ciphertext }, headers = own) {
    const sealed = {
      version,
      key_id: keyId,
      issued_at: issuedAt,
      nonce: base64url(nonce),
      ciphertext: base64url(ciphertext),
    };
    const response = await fetch(`${url}${jsonMethod}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ sealed }),
    });
    const body = await response.text();
    expect(body).not.toContain('simul');
    const reply = caller.reply(jsonMethod, nonce);
    let text = '';
    const failed = ({ error }: ErrorJson) => ({
      text,
      reason: error?.code?.toUpperCase() ?? '',
      message: error?.message ?? '',
      whole: reply.whole,
    });
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
      const whole = JSON.parse(body) as { sealed: SealedJson } & ErrorJson;
      if (whole.error) return failed(whole);
      const inner = JSON.parse(await openJson(reply, whole)) as ErrorJson & {
        choices: { message: { content: string } }[];
      };
      if (inner.error) return failed(inner);
      text = inner.choices[0]?.message.content ?? '';
      return { text, reason: '', message: '', whole: reply.whole };
    }
    expect(stream).toBe(true);
    const events = body.split('\n\n').filter((event) => event.startsWith('data: '));
    let done = false;
    for (const event of events) {
      const data = event.slice('data: '.length);
      if (data === '[DONE]') {
        done = true;
        continue;
      }
      const plaintext = await openJson(reply, JSON.parse(data) as { sealed: SealedJson });
      if (plaintext === '') continue;
      const chunk = JSON.parse(plaintext) as ErrorJson & { choices: { delta: { content?: string } }[] };
      if (chunk.error) return failed(chunk);
      text += chunk.choices[0]?.delta.content ?? '';
    }
    expect(done).toBe(true);
    return { text, reason: '', message: '', whole: reply.whole };
  },
});

/** Every surface that takes sealed calls, the OpenAI-shaped one last. */
export function sealedSurfaces(options: SealedSurfacesOptions): { all: readonly SealedSurface[]; json: SealedSurface } {
  const rpc = (name: string, transport: (baseUrl: string) => Transport) => overRpc(options, name, transport);
  const json = overJson(options);
  return {
    all: [
      rpc('gRPC', (baseUrl) => createGrpcTransport({ baseUrl })),
      rpc('gRPC-web', (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })),
      rpc('Connect', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1' })),
      rpc('Connect JSON', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: false })),
      json,
    ],
    json,
  };
}
