/** Parsed JSON of a chat request. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An OpenAI request in one spelling of each thing, so that requests that mean the same are equal. */
export function canonicalRequest(body: JsonObject): JsonObject {
  const {
    max_tokens,
    max_completion_tokens,
    stop,
    messages,
    model: _,
    stream: __,
    stream_options: ___,
    ...rest
  } = body;
  const canonical: JsonObject = { ...rest };
  const limit = max_completion_tokens ?? max_tokens;
  if (limit !== undefined && limit !== null) canonical['max_tokens'] = limit;
  if (stop !== undefined && stop !== null) canonical['stop'] = Array.isArray(stop) ? stop : [stop];
  for (const key in canonical) if (canonical[key] === null) delete canonical[key];
  if (Array.isArray(canonical['stop']) && canonical['stop'].length === 0) delete canonical['stop'];
  if (Array.isArray(canonical['tools'])) canonical['tools'] = canonical['tools'].map(canonicalTool);
  const format = canonical['response_format'];
  if (isObject(format) && isObject(format['json_schema'])) {
    // OpenAI wants a name; others do without.
    canonical['response_format'] = { ...format, json_schema: { name: 'response', ...format['json_schema'] } };
  }
  if (Array.isArray(messages)) canonical['messages'] = messages.map((m) => (isObject(m) ? canonicalMessage(m) : m));
  return canonical;
}

function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([k, v]) => (v === null ? [] : [[k, withoutNulls(v)]])));
}

function canonicalTool(tool: Json): Json {
  const body = isObject(tool) ? tool['function'] : undefined;
  if (!isObject(tool) || !isObject(body)) return tool;
  const { description, ...rest } = body;
  return withoutNulls({ ...tool, function: { ...rest, description: description || null } });
}

function canonicalMessage(message: JsonObject): JsonObject {
  const { cache_control, reasoning, reasoning_content, ...rest } = withoutNulls(message) as JsonObject;
  const canonical: JsonObject = { ...rest, content: canonicalContent(message['content'] ?? '') };
  // The mark on a message is the mark on its last part.
  if (cache_control !== undefined && typeof canonical['content'] === 'string') {
    canonical['content'] = [{ type: 'text', text: canonical['content'], cache_control }];
  }
  const thought = reasoning_content || reasoning;
  if (thought && canonical['reasoning_details'] === undefined) canonical['reasoning_content'] = thought;
  const calls = canonical['tool_calls'];
  if (Array.isArray(calls)) canonical['tool_calls'] = calls.map(canonicalCall);
  if (Array.isArray(calls) && calls.length === 0) delete canonical['tool_calls'];
  return canonical;
}

function canonicalContent(content: Json): Json {
  if (!Array.isArray(content)) return content;
  const texts = content.map((part) =>
    isObject(part) && part['type'] === 'text' && Object.keys(part).length === 2 ? part['text'] : undefined,
  );
  return texts.every((text) => typeof text === 'string') ? texts.join('') : content.map(canonicalPart);
}

/** A picture's URL may stand by itself. */
function canonicalPart(part: Json): Json {
  if (!isObject(part) || typeof part['image_url'] !== 'string') return withoutNulls(part);
  return { ...part, image_url: { url: part['image_url'] } };
}

function canonicalCall(call: Json): Json {
  const body = isObject(call) ? call['function'] : undefined;
  if (!isObject(call) || !isObject(body)) return call;
  const { function: _, ...rest } = call;
  const args = body['arguments'];
  return {
    ...rest,
    function: { ...body, arguments: typeof args === 'string' ? JSON.parse(args || '{}') : (args ?? {}) },
  };
}
