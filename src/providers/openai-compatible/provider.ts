import type { z } from 'zod';
import type { FinishReason } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import type { ChatInput, ProviderSettings } from '../../kernel/adapter.ts';
import type { JsonInput } from '../../kernel/json-text.ts';
import type { ChatRequest } from '../../kernel/messages.ts';
import type { ProviderType } from '../../kernel/provider.ts';
import type { JsonObject } from '../shared/json-body.ts';
import type { Notes } from '../shared/notes.ts';
import type { ProviderError } from '../shared/provider-fault.ts';

/** A request body under way: members that are left out are undefined. */
export type Body = { [member: string]: JsonInput };

/** Where a provider departs from OpenAI's Chat Completions. Everything left out means: as OpenAI has it. */
export interface Quirks {
  /** The member that carries the token limit. */
  readonly limit?: 'max_tokens' | 'max_completion_tokens';
  /** Members that are sent unless the caller sets them. */
  readonly defaults?: Readonly<Record<string, JsonInput>>;
  /** Members that the provider refuses or ignores: left out, and noted. */
  readonly unsupported?: readonly string[];
  /** Members under another name. */
  readonly renamed?: Readonly<Record<string, string>>;
  /** Members beyond OpenAI's that it takes. */
  readonly topK?: boolean;
  /** The system role's name for `developer` messages. */
  readonly developerRole?: 'developer' | 'system';
  /** Where earlier reasoning goes in assistant messages: a member, or blocks of the content; without it, nowhere. */
  readonly reasoningField?: 'reasoning_content' | 'reasoning' | 'thinking blocks';
  /** Each `reasoning_details` text of a stream repeats what came before it. */
  readonly cumulativeReasoning?: boolean;
  /** Takes `reasoning_details` back. */
  readonly reasoningDetails?: boolean;
  /** Takes `cache_control` on content parts. */
  readonly cacheControl?: boolean;
  /** Takes `video_url` and `audio_url` parts. */
  readonly mediaUrls?: boolean;
  /** Takes a document's URL in `file_data`. */
  readonly fileUrls?: boolean;
  /** Takes documents as `document_url` and sound as bare base64. */
  readonly documentUrls?: boolean;
  /** Takes tools of the type `custom`. */
  readonly customTools?: boolean;
  /** Takes `tool_choice` of the form `allowed_tools`; without it `tools` is narrowed. */
  readonly allowedTools?: boolean;
  /** False where JSON of a schema cannot be asked for: any JSON is, then. */
  readonly jsonSchema?: boolean;
  /** False where participants' names are refused. */
  readonly names?: boolean;
  /** False where `stream_options` is refused; usage then comes unasked. */
  readonly streamOptions?: boolean;
  /** Says in the provider's own members how to think; without it `reasoning_effort` is all there is. */
  readonly reasoning?: (request: ChatRequest, body: Body, notes: Notes) => void;
  /** Finish reasons beyond OpenAI's. */
  readonly finishReasons?: Readonly<Record<string, FinishReason>>;
  /** Error codes beyond the usual ones. */
  readonly errorCodes?: Readonly<Record<string, ProviderError['blame']>>;
  /** Finds an error in a body that came with a success status. */
  readonly hiddenError?: (body: JsonObject) => ProviderError | undefined;
}

/** What is asked for, by its path in OpenAI's API. */
export type Resource = '/chat/completions' | '/responses';

const bearer = (apiKey: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${apiKey}` });

/** Headers of every request: credentials, and what the provider and the instance want beside them. */
export const headersOf = (
  provider: CompatibleProvider,
  settings: ProviderSettings,
  apiKey: string,
): Readonly<Record<string, string>> => ({
  ...provider.headers,
  ...(apiKey === '' ? undefined : (provider.credential ?? bearer)(apiKey)),
  ...settings.headers,
});

/** One member of the OpenAI-compatible family, as data. */
export interface CompatibleProvider {
  readonly type: string;
  readonly title: string;
  readonly baseUrl: string | undefined;
  readonly keyVariable?: string;
  /** True unless said otherwise. */
  readonly requiresKey?: boolean;
  /** The options of which any stands in a key's place, with the stage that makes use of them. */
  readonly keyOptions?: readonly string[];
  readonly signer?: ProviderType['signer'];
  readonly simulated?: boolean;
  readonly options?: z.ZodRawShape;
  /** False where `/models` is not there, or lists what cannot be asked for. */
  readonly listsModels?: boolean;
  /** It speaks Responses too, where an instance's `api` says so. */
  readonly responses?: boolean;
  readonly quirks?: Quirks;
  /** The credential's header; a bearer token unless said otherwise. */
  readonly credential?: (apiKey: string) => Readonly<Record<string, string>>;
  /** Headers that the provider wants beside it. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Path and query below the base path; the resource's own unless said otherwise. */
  readonly path?: (input: ChatInput, settings: ProviderSettings, resource: Resource) => string;
  /** The `model` of the body; undefined leaves it out. */
  readonly model?: (input: ChatInput, settings: ProviderSettings) => string | undefined;
}
