/** What a log line tells of an error that is not a Fault: enough to find the place, nothing of what was in hand there. */
export interface ErrorShape {
  readonly name: string;
  /** Node's or a library's code, such as 'ECONNRESET'. */
  readonly code?: string;
  /** Frames of the stack, without the message above them. */
  readonly stack?: readonly string[];
  readonly cause?: ErrorShape;
}

const word = /^[\w.$:-]{1,64}$/;
const frame = /^ {4}at .{1,300}:\d+:\d+\)?$/;
const maxDepth = 3;
const maxFrames = 12;

/** The frames of an error's stack; none where the message can't be told from them. */
function framesOf(error: Error): string[] {
  const { stack, message } = error;
  if (typeof stack !== 'string') return [];
  const at = stack.indexOf(message);
  // A message changed after the error was made leaves its old text in the stack.
  if (at < 0) return [];
  const lines = stack.slice(at + message.length).split('\n');
  return lines
    .filter((line) => frame.test(line))
    .slice(0, maxFrames)
    .map((line) => line.trim());
}

/**
 * Describes anything thrown without its message: messages of parsers and clients quote what they were given, which may
 * be a caller's content or a secret.
 */
export function errorShape(thrown: unknown, depth = 0): ErrorShape {
  if (!(thrown instanceof Error)) return { name: typeof thrown };
  const code = 'code' in thrown && typeof thrown.code === 'string' && word.test(thrown.code) ? thrown.code : undefined;
  const stack = framesOf(thrown);
  const cause = depth < maxDepth && thrown.cause !== undefined ? errorShape(thrown.cause, depth + 1) : undefined;
  return {
    name: word.test(thrown.name) ? thrown.name : 'Error',
    ...(code !== undefined && { code }),
    ...(stack.length > 0 && { stack }),
    ...(cause !== undefined && { cause }),
  };
}
