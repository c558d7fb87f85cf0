import { elements, members } from '../../../kernel/json-text.ts';

/** What is learned of a whole request while its places are read. */
export interface RequestTraits {
  /** Nothing in it is this project's own: an OpenAI server would understand the text as it stands. */
  plain: boolean;
  /** It uses `functions`, OpenAI's first form of tools; so must the answer. */
  legacyFunctions: boolean;
}

/** Where a value stands in a JSON document: its path for errors, and its source text, both found only when asked for. */
export class Place {
  readonly traits: RequestTraits;
  readonly #parent: Place | undefined;
  readonly #key: string | number;
  #text: string | undefined;
  #members: Map<string, string> | undefined;
  #elements: string[] | undefined;

  private constructor(traits: RequestTraits, parent: Place | undefined, key: string | number, text?: string) {
    this.traits = traits;
    this.#parent = parent;
    this.#key = key;
    this.#text = text;
  }

  static root(json: string): Place {
    return new Place({ plain: true, legacyFunctions: false }, undefined, '', json);
  }

  at(key: string | number): Place {
    return new Place(this.traits, this, key);
  }

  /** `messages[0].content[1].image_url`; empty for the document itself. */
  get path(): string {
    const parent = this.#parent;
    if (parent === undefined) return '';
    if (typeof this.#key === 'number') return `${parent.path}[${this.#key}]`;
    return parent.#parent === undefined ? this.#key : `${parent.path}.${this.#key}`;
  }

  /** The path of a member or element. */
  pathOf(key: string | number): string {
    return this.at(key).path;
  }

  /** The source text of the value that stands here. */
  get text(): string {
    this.#text ??= this.#parent?.textOf(this.#key) ?? '';
    return this.#text;
  }

  /** The source text of a member or element. */
  textOf(key: string | number): string {
    if (typeof key === 'number') {
      this.#elements ??= elements(this.text);
      return this.#elements[key] ?? '';
    }
    this.#members ??= members(this.text);
    return this.#members.get(key) ?? '';
  }
}
