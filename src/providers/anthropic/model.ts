/** What a Claude model takes, by its version (platform.claude.com, "Models overview", "Adaptive thinking"). */
export interface Model {
  /** Thinks as long as it sees fit, by `output_config.effort`. */
  readonly adaptive: boolean;
  /** Takes a thinking budget, and can be told not to think. */
  readonly budget: boolean;
  /** Takes `temperature`, `top_p`, `top_k`. */
  readonly sampling: boolean;
  /** Takes `temperature` and `top_p` together. */
  readonly bothSamplings: boolean;
  /** The effort levels it knows. */
  readonly efforts: readonly string[];
  /** What `max_tokens` is where the caller sets none: all of these models can give as much. */
  readonly maxTokens: number;
}

/**
 * The version in a model's name, as 10 * major + minor: `claude-sonnet-4-5-20250929` and
 * `us.anthropic.claude-sonnet-4-5-20250929-v1:0` are 45, `claude-3-7-sonnet-20250219` is 37. A name without one is new.
 */
function version(name: string): number {
  const found = /claude-(?:[a-z]+-)?(?:v)?(\d{1,2})(?:[-.](\d{1,2}))?(?![\d])/.exec(name);
  return found ? Number(found[1]) * 10 + Math.min(9, Number(found[2] ?? 0)) : 99;
}

export function modelOf(name: string): Model {
  const known = version(name);
  return {
    adaptive: known >= 46,
    budget: known >= 37 && known < 47,
    sampling: known < 47,
    bothSamplings: known < 41,
    efforts: known >= 47 ? ['low', 'medium', 'high', 'xhigh', 'max'] : ['low', 'medium', 'high', 'max'],
    maxTokens: known >= 40 ? 16_384 : 4096,
  };
}
