import { text } from 'node:stream/consumers';
import { type ServiceError, status } from '@grpc/grpc-js';
import {
  ChatCompletionRequest,
  ChatCompletionResponse,
  ChatServiceClient,
  StreamChatCompletionResponse,
} from '../../gen/ts-proto/llmbridge/v1/chat_service.ts';
import { Role } from '../../gen/ts-proto/llmbridge/v1/content.ts';
import { ModelServiceClient } from '../../gen/ts-proto/llmbridge/v1/model_service.ts';
import { number, parse, wholeNumber } from './arguments.ts';
import { createStreamPrinter, outcomeLine, painter, wholeText } from './call-output.ts';
import {
  type Channel,
  channelOptions,
  channelTo,
  channelUsage,
  describeError,
  exitCodeOf,
  metadataOf,
} from './channel.ts';
import { plain, plainJson } from './terminal-text.ts';
import { Exit, UsageError, type Verb } from './verb.ts';

const usage = `llm-bridge call [options] [PROMPT]

Sends one prompt to a gateway over gRPC and prints the answer; reads the prompt from stdin where none is given.
Who answered, tokens and times go to stderr. Ctrl-C cancels the call.

${channelUsage}
  -m, --model MODEL         the model or route; the gateway's first one where none is given
  -p, --provider NAME       the provider instance
  -s, --system TEXT         instructions for the model
      --stream              print the answer as it is written
      --temperature NUMBER
      --max-tokens NUMBER
      --json                print the messages as JSON, one a line`;

const options = {
  ...channelOptions,
  model: { type: 'string', short: 'm' },
  provider: { type: 'string', short: 'p' },
  system: { type: 'string', short: 's' },
  stream: { type: 'boolean' },
  temperature: { type: 'string' },
  'max-tokens': { type: 'string' },
  json: { type: 'boolean' },
} as const;

async function promptOf(words: readonly string[]): Promise<string> {
  if (words.length > 0 && words.join() !== '-') return words.join(' ');
  if (process.stdin.isTTY) throw new UsageError('call needs a prompt');
  const prompt = (await text(process.stdin)).trim();
  if (prompt === '') throw new UsageError('the prompt is empty');
  return prompt;
}

interface Session {
  readonly client: ChatServiceClient;
  readonly metadata: ReturnType<typeof metadataOf>;
  readonly deadline: Partial<{ deadline: number }>;
  readonly json: boolean;
}

/** Cancels the call on Ctrl-C, as long as it runs. */
function interruptible(call: { cancel(): void }): () => void {
  const cancel = () => call.cancel();
  process.on('SIGINT', cancel);
  return () => process.off('SIGINT', cancel);
}

/** The first model that the gateway lists. */
function firstModel({ address, credentials, options }: Channel, session: Session) {
  const client = new ModelServiceClient(address, credentials, options);
  return new Promise<string>((resolve, reject) => {
    client.listModels({ provider: '' }, session.metadata, session.deadline, (error, response) => {
      client.close();
      if (error !== null) reject(error);
      else if (response.models[0] === undefined)
        reject(new UsageError('the gateway lists no models: --model names one'));
      else resolve(response.models[0].id);
    });
  });
}

const printJson = (value: unknown) => process.stdout.write(`${plainJson(process.stdout, JSON.stringify(value))}\n`);

const printOutcome = (line: string) =>
  process.stderr.write(`${painter(process.stderr)('dim', plain(process.stderr, line))}\n`);

function whole({ client, metadata, deadline, json }: Session, request: ChatCompletionRequest): Promise<void> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const call = client.chatCompletion(request, metadata, deadline, (error, response) => {
      done();
      if (error !== null) return reject(error);
      const { stdout } = process;
      if (json) printJson(ChatCompletionResponse.toJSON(response));
      else stdout.write(`${wholeText(response, painter(stdout), (text) => plain(stdout, text))}\n`);
      printOutcome(outcomeLine({ ...response, elapsedMs: performance.now() - startedAt }));
      resolve();
    });
    const done = interruptible(call);
  });
}

function streamed({ client, metadata, deadline, json }: Session, request: ChatCompletionRequest): Promise<void> {
  const now = () => performance.now();
  const startedAt = now();
  const printer = createStreamPrinter(process.stdout, painter(process.stdout), now);
  const call = client.streamChatCompletion(request, metadata, deadline);
  const done = interruptible(call);
  call.on('data', (chunk: StreamChatCompletionResponse) => {
    if (json) printJson(StreamChatCompletionResponse.toJSON(chunk));
    else printer.chunk(chunk);
  });
  return new Promise((resolve, reject) => {
    let read = false;
    let whole = false;
    // The stream ends before a failure's 'error' too: only an OK status makes the answer whole.
    const finish = () => {
      if (!read || !whole) return;
      done();
      printer.close();
      if (!json) printOutcome(outcomeLine({ ...printer.outcome(), elapsedMs: now() - startedAt }));
      resolve();
    };
    call.on('end', () => {
      read = true;
      finish();
    });
    call.on('status', ({ code }) => {
      whole = code === status.OK;
      finish();
    });
    call.on('error', (error) => {
      done();
      printer.close();
      reject(error);
    });
  });
}

const isServiceError = (error: unknown): error is ServiceError => error instanceof Error && 'details' in error;

export const call: Verb = {
  usage,
  async run(args) {
    const { values, positionals } = parse({ args: [...args], options, allowPositionals: true });
    const temperature = number('temperature', values.temperature);
    const maxTokens = wholeNumber('max-tokens', values['max-tokens'], 1);
    const seconds = number('timeout', values.timeout);
    const channel = channelTo(values.address ?? '127.0.0.1:8080', values.tls, values.ca);
    const metadata = metadataOf(values.header ?? []);
    const prompt = await promptOf(positionals);
    // A reader that closed the pipe wants no more; there is nobody left to tell.
    process.stdout.on('error', () => process.exit(Exit.FAILED));

    const client = new ChatServiceClient(channel.address, channel.credentials, channel.options);
    const deadline = seconds === undefined ? {} : { deadline: Date.now() + seconds * 1000 };
    const session: Session = { client, metadata, deadline, json: values.json === true };
    try {
      const system = values.system === undefined ? [] : [{ role: Role.ROLE_SYSTEM, content: values.system }];
      const request = ChatCompletionRequest.fromPartial({
        model: values.model ?? (await firstModel(channel, session)),
        provider: values.provider ?? '',
        messages: [...system, { role: Role.ROLE_USER, content: prompt }],
        temperature,
        maxTokens,
      });
      await (values.stream === true ? streamed : whole)(session, request);
      return Exit.OK;
    } catch (error) {
      if (!isServiceError(error)) throw error;
      if (error.code === status.CANCELLED && error.details === 'Cancelled on client') {
        process.stderr.write('cancelled\n');
        return Exit.INTERRUPTED;
      }
      const text = plain(process.stderr, describeError(error));
      process.stderr.write(`${painter(process.stderr)('red', 'error:')} ${text}\n`);
      return exitCodeOf(error);
    } finally {
      client.close();
    }
  },
};
