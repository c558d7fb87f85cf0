/** Bytes after which what was gathered is written though more may come in the same turn. */
const mostGathered = 64 * 1024;

/** Frames of one turn of the event loop, which go out in one write: a write costs more than what is done for a frame. */
export class GatheredFrames {
  #frames: Buffer[] = [];
  #bytes = 0;

  /** `flush` runs at the end of the turn, and at once where much has come. */
  add(bytes: Buffer, flush: () => void): void {
    if (this.#frames.push(bytes) === 1) queueMicrotask(flush);
    this.#bytes += bytes.length;
    if (this.#bytes >= mostGathered) flush();
  }

  /** What is to be written still. */
  take(): Buffer | undefined {
    const [first] = this.#frames;
    if (first === undefined) return undefined;
    const bytes = this.#frames.length === 1 ? first : Buffer.concat(this.#frames, this.#bytes);
    this.#frames = [];
    this.#bytes = 0;
    return bytes;
  }
}
