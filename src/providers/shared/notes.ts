import { ParameterAction, type ParameterNote } from '../../../gen/es/llmbridge/v1/report_pb.ts';

/** What became of a request's parameters on the way into a dialect. */
export class Notes {
  readonly #notes: ParameterNote[] = [];

  get all(): readonly ParameterNote[] {
    return this.#notes;
  }

  /** Left out: the provider has nothing like it. `name` is the parameter's path in the contract. */
  dropped(name: string, detail = ''): void {
    this.#add(name, ParameterAction.DROPPED, detail);
  }

  /** Sent in another form; `detail` says which. */
  mapped(name: string, detail: string): void {
    this.#add(name, ParameterAction.MAPPED, detail);
  }

  /** Not allowed from a caller, and left out. */
  refused(name: string, detail = ''): void {
    this.#add(name, ParameterAction.REFUSED, detail);
  }

  #add(name: string, action: ParameterAction, detail: string): void {
    this.#notes.push({ $typeName: 'llmbridge.v1.ParameterNote', name, action, detail });
  }
}
