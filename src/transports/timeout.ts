const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout` header (gRPC over HTTP/2, "Timeout"); undefined for none or a bad one. */
export function grpcTimeout(text: string | undefined): number | undefined {
  const [, value, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text ?? '') ?? [];
  const factor = units[unit];
  return value === undefined || factor === undefined ? undefined : Number(value) * factor;
}

/** Milliseconds of a `connect-timeout-ms` header (Connect protocol, "Timeout"); undefined for none or a bad one. */
export const connectTimeout = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
