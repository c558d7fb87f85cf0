/** The models that callers in these groups may ask for; undefined for all. */
export type GroupModels = (groups: readonly string[]) => ReadonlySet<string> | undefined;

/** What a group allows. */
export interface Group {
  /** Models that its members may ask for; undefined for all. */
  readonly models?: readonly string[] | undefined;
}

/**
 * What the configured groups allow: whoever is in several may ask for the models of each, whoever is in none for none.
 * Without groups there is nothing that they could forbid.
 */
export function createGroupModels(groups: Readonly<Record<string, Group>>): GroupModels {
  const known = new Map(Object.entries(groups));
  if (known.size === 0) return () => undefined;
  return (names) => {
    const allowed = new Set<string>();
    for (const name of names) {
      const group = known.get(name);
      if (group === undefined) continue;
      if (group.models === undefined) return undefined;
      for (const model of group.models) allowed.add(model);
    }
    return allowed;
  };
}

/** What both lists allow; undefined is a list of all. */
export function inBoth(
  a: ReadonlySet<string> | undefined,
  b: ReadonlySet<string> | undefined,
): ReadonlySet<string> | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return new Set([...a].filter((model) => b.has(model)));
}
