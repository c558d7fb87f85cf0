import { Code } from '../kernel/fault.ts';

const names: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(Code).map(([name, code]) => [code, name]),
);

/** A gRPC code's name, as grpc/status.proto has it. */
export const codeName = (code: Code): string => names[code] ?? 'UNKNOWN';
