import type { Frame } from '../../kernel/adapter.ts';

export type OnFrame = (frame: Frame) => void;

/** Cuts one answer's bytes into frames; any cutting of the bytes into pieces gives the same frames. */
export interface Framer {
  /** The bytes are read before it returns. Throws PROVIDER_MALFORMED for a frame that is too large. */
  push(bytes: Uint8Array, onFrame: OnFrame): void;
  /** To be called when the body ended; hands on what is whole and was not followed by anything. */
  end(onFrame: OnFrame): void;
}

/** The most that one frame may weigh, pictures in base64 included. */
export const maxFrameBytes = 32 * 1024 * 1024;
