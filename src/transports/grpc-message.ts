const unsafe = /[^ -$&-~]/u;
const unsafeRuns = /[^ -$&-~]+/gu;

/** Percent-encodes what `grpc-message` can't carry, and no more (gRPC over HTTP/2, "Percent-Encoded"). */
export const encodeMessage = (text: string): string =>
  unsafe.test(text) ? text.toWellFormed().replace(unsafeRuns, percent) : text;

function percent(run: string): string {
  let encoded = '';
  for (const byte of Buffer.from(run)) encoded += `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`;
  return encoded;
}
