import type { GatewayReport } from '../../../gen/es/llmbridge/v1/report_pb.ts';
import { Code, type Fault } from '../../kernel/fault.ts';
import { object, quote } from './openai/json-writer.ts';
import { reportJson } from './openai/report-json.ts';

/** A fault in OpenAI's shape; `llmbridge` beside it tells what was tried, where anything was. */
export function errorJson(fault: Fault, report?: GatewayReport): string {
  const { type } = fault.shape;
  return object(
    `"error":{"message":${quote(fault.message)},"type":"${type}","param":${nullable(fault.detail.violations?.[0]?.field)},` +
      `"code":${nullable(codeOf(fault))}},` +
      (report === undefined ? '' : `"llmbridge":${reportJson(report)}`),
  );
}

const nullable = (text: string | null | undefined): string => (text ? quote(text) : 'null');

/** The provider's own code where the request is at fault: callers know it, and act on it. */
function codeOf({ shape, detail }: Fault): string | null {
  return shape.code === Code.INVALID_ARGUMENT && detail.providerCode ? detail.providerCode : shape.openai;
}

/** Whether the same call may succeed later; the official SDKs ask the `x-should-retry` header first. */
const passing: ReadonlySet<number> = new Set([408, 429, 500, 503, 504]);

/** Headers that go with a fault beyond those of every reply. */
export function errorHeaders(fault: Fault): Record<string, string> {
  const { http } = fault.shape;
  const { retryAfterMs, quota } = fault.detail;
  // A limit that no wait makes room in.
  const hopeless = quota !== undefined && retryAfterMs === undefined;
  const headers: Record<string, string> = { 'x-should-retry': String(passing.has(http) && !hopeless) };
  if (retryAfterMs !== undefined) {
    const ms = Math.max(0, Math.ceil(retryAfterMs));
    headers['retry-after'] = String(Math.ceil(ms / 1000));
    headers['retry-after-ms'] = String(ms);
  }
  if (http === 401) headers['www-authenticate'] = 'Bearer';
  if (http === 415) headers['accept-encoding'] = 'gzip, deflate, br, zstd';
  return headers;
}
