/** Longest text of a provider's that is handed on. */
const longest = 1000;

/** URLs (they may name our endpoint or account), keys and tokens, account ids. */
const hidden: readonly (readonly [RegExp, string])[] = [
  [/\b(?:https?|wss?):\/\/[^\s"'<>)\]]+/gi, '[url]'],
  [/\bBearer\s+[^\s"']+/gi, 'Bearer [key]'],
  [
    /\b(?:sk|pk|rk|gsk|xai|csk|fw|nvapi|hf|pplx|AIza|AKIA|ASIA|key|tgp|esecret|vck|glpat|ghp)[-_]?[A-Za-z0-9*]*[-_A-Za-z0-9*]{8,}/g,
    '[key]',
  ],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[key]'],
  [/\b(?:org|proj|team|user|acct|arn)[-_:][\w:/-]{6,}/gi, '[id]'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '[id]'],
];

/** A provider's words as they may be told to a caller: one line, bounded, without URLs, keys and account ids. */
export function publicText(text: string): string {
  let clean = text.slice(0, 4 * longest);
  for (const [pattern, substitute] of hidden) clean = clean.replace(pattern, substitute);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go
  clean = clean.replace(/[\u0000-\u001f\u007f\s]+/g, ' ').trim();
  return (clean.length > longest ? `${clean.slice(0, longest)}…` : clean).toWellFormed();
}
