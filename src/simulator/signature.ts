import { hash } from './random.ts';

const MARK = 'simulated:';

/** A proof that the simulator wrote this reasoning; it wants it back with the same text, as real providers do. */
export const signatureOf = (text: string): string =>
  Buffer.from(`${MARK}${hash(text).toString(36)}`).toString('base64');

/** Whether a signature is the simulator's, and of this text. */
export const isSignatureOf = (signature: unknown, text: string): boolean => signature === signatureOf(text);

/** Whether a signature is the simulator's, of whatever text. */
export const isSignature = (signature: unknown): boolean =>
  typeof signature === 'string' && Buffer.from(signature, 'base64').toString().startsWith(MARK);
