/** A line that came in pieces, put together up to its LF, within a limit. */
export class LineCollector {
  #text = '';
  /** Where the line's bytes ended, once `take` returned a line. */
  at = 0;

  /** What came of the line so far. */
  get begun(): string {
    return this.#text;
  }

  /**
   * Adds the bytes up to the next LF.
   * @returns the line without its CRLF; undefined while it lacks its end; null where it is longer than `limit` bytes or
   * ends in a bare LF
   */
  take(bytes: Buffer, at: number, end: number, limit: number): string | undefined | null {
    let stop = at;
    while (stop < end && bytes[stop] !== 10) stop++;
    if (this.#text.length + stop - at > limit) return null;
    this.#text += bytes.toString('latin1', at, stop);
    if (stop === end) return undefined;
    this.at = stop + 1;
    const line = this.#text;
    this.#text = '';
    return line.endsWith('\r') ? line.slice(0, -1) : null;
  }
}
