/** Whether a service takes calls: the one state behind /health, grpc.health.v1 and the drain. */
export class Readiness {
  readonly #serving = new Map<string, boolean>();
  #withheld = false;
  readonly #listeners = new Set<() => void>();

  /** `services` are the names that grpc.health.v1 knows; the empty name stands for the whole server. */
  constructor(services: Iterable<string>) {
    this.#serving.set('', false);
    for (const service of services) this.#serving.set(service, false);
  }

  /** Undefined for a name that is not served here. */
  isServing(service: string): boolean | undefined {
    const serving = this.#serving.get(service);
    return serving && this.#withheld ? false : serving;
  }

  get services(): Iterable<string> {
    return this.#serving.keys();
  }

  /** Sets one service, or all. Listeners hear of it only if something changed. */
  set(serving: boolean, service?: string): void {
    let changed = false;
    for (const name of service === undefined ? [...this.#serving.keys()] : [service]) {
      changed ||= this.#serving.get(name) !== serving;
      this.#serving.set(name, serving);
    }
    if (changed) for (const listener of [...this.#listeners]) listener();
  }

  /** For as long as it is withheld nothing counts as serving, whatever is set. */
  withhold(withheld: boolean): void {
    if (this.#withheld === withheld) return;
    this.#withheld = withheld;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Runs `listener` on each change, until the function returned is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
