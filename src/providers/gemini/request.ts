import type { ChatInput, EncodedRequest, ProviderSettings } from '../../kernel/adapter.ts';
import { type JsonInput, RawJson, toJson } from '../../kernel/json-text.ts';
import { mergeExtra } from '../shared/extra.ts';
import { Notes } from '../shared/notes.ts';
import { type Conversation, conversation } from '../shared/turns.ts';
import { dropUnsupported, openAiAlone } from '../shared/unsupported.ts';
import { type Block, blockDialect } from './content.ts';
import { dialect } from './dialect.ts';
import { generationConfigOf } from './generation-config.ts';
import { modelOf } from './model.ts';
import { toolConfigOf, toolsOf } from './tools.ts';

/** What the API takes in place of the signature of a call that no Gemini model made ("Thought signatures", FAQ). */
const anySignature = 'skip_thought_signature_validator';

/** The path below which the API's resources are. */
export const versionPath = ({ basePath }: ProviderSettings): string =>
  /\/v\d\w*$/.test(basePath) ? basePath : `${basePath}/v1beta`;

export const headersOf = (settings: ProviderSettings, apiKey: string): Readonly<Record<string, string>> => ({
  'content-type': 'application/json',
  'x-goog-api-key': apiKey,
  ...settings.headers,
});

/** Encodes a request of `generateContent` or `streamGenerateContent`. */
export function encode(input: ChatInput, settings: ProviderSettings): EncodedRequest {
  const notes = new Notes();
  dropUnsupported(input.request, ['metadata'], notes);
  // Tuned models have a collection of their own.
  const [, collection = 'models', name = ''] = /^(?:(models|tunedModels)\/)?(.*)$/s.exec(input.model) ?? [];
  return {
    method: 'POST',
    path: `${versionPath(settings)}/${collection}/${encodeURIComponent(name)}:${verbOf(input.stream)}`,
    headers: { accept: input.stream ? 'text/event-stream' : 'application/json', ...headersOf(settings, input.apiKey) },
    body: contentBody(input, {}, notes),
    notes: notes.all,
  };
}

/** The method's name in the path, and the framing of a stream. */
export const verbOf = (stream: boolean): string => (stream ? 'streamGenerateContent?alt=sse' : 'generateContent');

/** The body alone; `own` are members of the place where the dialect is served. */
export function contentBody(
  { request, model: name }: ChatInput,
  own: { readonly [member: string]: JsonInput },
  notes: Notes,
): string {
  const model = modelOf(name);
  const talk = conversation(request.messages, blockDialect(request.messages, model, notes), notes);
  if (model.signs) signCalls(talk, notes);
  dropUnsupported(request, openAiAlone, notes);
  // There has to be something to answer: instructions alone are taken for it.
  const bare = talk.turns.length === 0 && talk.system.length > 0;
  if (bare) notes.mapped('messages', 'the system prompt is asked as the user’s');
  const body = toJson({
    systemInstruction: bare || talk.system.length === 0 ? undefined : { parts: talk.system },
    contents: bare ? [{ role: 'user', parts: talk.system }] : talk.turns.map(contentOf),
    tools: toolsOf(request, notes),
    toolConfig: toolConfigOf(request, notes),
    generationConfig: generationConfigOf(request, model, notes),
    serviceTier: serviceTierOf(request.serviceTier),
    ...own,
  });
  return mergeExtra(body, request.extra, dialect, notes);
}

const contentOf = ({ role, content }: Conversation<Block>['turns'][number]): JsonInput => ({
  role: role === 'assistant' ? 'model' : 'user',
  parts: content,
});

function serviceTierOf(tier: string | undefined): string | undefined {
  if (tier === 'auto') return undefined;
  return tier === 'default' ? 'standard' : tier;
}

/** Gives the first call of each of the model's turns the signature without which the API refuses it. */
function signCalls({ turns }: Conversation<Block>, notes: Notes): void {
  let signed = 0;
  for (const { role, content } of turns) {
    if (role !== 'assistant') continue;
    const first = content.find((block) => !(block instanceof RawJson) && 'functionCall' in block);
    if (first === undefined || first instanceof RawJson || first['thoughtSignature'] !== undefined) continue;
    first['thoughtSignature'] = anySignature;
    signed++;
  }
  if (signed > 0) notes.mapped('messages', 'tool calls without their signature are marked as not the model’s own');
}
