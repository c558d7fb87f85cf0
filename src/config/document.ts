import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Path, Problem } from './problem.ts';

/** A YAML file: its value, and where in the file each part of it stands. */
export interface SourceDocument {
  /** Null members of maps (`key:` with nothing after it) are left out: they set nothing. */
  readonly value: Record<string, unknown>;
  readonly problems: readonly Problem[];
  /** `file:line:column` of the value at `path`, or of the nearest part around it; of its key where `key` is true. */
  locate(path: Path, key?: boolean): string;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(entries.map(([key, member]) => [key, withoutNulls(member)]));
}

/** Reads YAML 1.2. Never throws: what is wrong with the text is in `problems`. */
export function parseSource(file: string, text: string): SourceDocument {
  const lines = new LineCounter();
  // Pretty errors quote the source, which may be a secret.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };

  const problems: Problem[] = [...document.errors, ...document.warnings].map((error) => ({
    where: at(error.pos[0]),
    path: [],
    message: error.message,
  }));
  let value: unknown = {};
  if (problems.length === 0) {
    try {
      value = withoutNulls(document.toJS() ?? {});
    } catch (cause) {
      problems.push({ where: at(0), path: [], message: (cause as Error).message });
    }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push({ where: at(0), path: [], message: 'must be a map of groups such as server: and providers:' });
    value = {};
  }

  const resolved = (node: Node | null | undefined) => (isAlias(node) ? node.resolve(document) : node);

  const locate = (path: Path, key = false): string => {
    let node: Node | null | undefined = document.contents;
    let offset = node?.range?.[0] ?? 0;
    for (const [index, step] of path.entries()) {
      const parent = resolved(node);
      if (isMap<Node, Node | null>(parent)) {
        const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (pair === undefined) break;
        node = pair.value;
        const last = index === path.length - 1;
        offset = (key && last ? undefined : node?.range?.[0]) ?? pair.key.range?.[0] ?? offset;
      } else if (isSeq<Node>(parent) && typeof step === 'number') {
        node = parent.items[step];
        if (node === undefined) break;
        offset = node.range?.[0] ?? offset;
      } else break;
    }
    return at(offset);
  };

  return { value: value as Record<string, unknown>, problems, locate };
}
