import { text } from './json-body.ts';

/**
 * Joins the text of a stream whose pieces may end amid a character: tokens do, and some servers send each half of a
 * surrogate pair in an event of its own. The first half is held back until the second comes.
 */
export class HalfCharacters {
  #held = '';

  /** The text that is whole with this piece; '' for what is no string. */
  join(piece: unknown): string {
    if (typeof piece !== 'string' || piece === '') return '';
    let joined = this.#held + piece;
    this.#held = '';
    const last = joined.charCodeAt(joined.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.#held = joined.slice(-1);
      joined = joined.slice(0, -1);
    }
    return text(joined);
  }
}
