/** Merges deltas as the official Python SDK does: lists by index, texts appended. */
export function accumulate(into: Record<string, unknown>, piece: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(piece)) {
    const held = into[key];
    if (held === undefined || held === null || key === 'index' || key === 'type') into[key] = structuredClone(value);
    else if (typeof held === 'string') into[key] = held + String(value);
    else if (Array.isArray(held)) {
      for (const item of value as { index: number }[]) {
        const same = (held as { index: number }[]).find(({ index }) => index === item.index);
        if (same === undefined) held.push(item);
        else accumulate(same as unknown as Record<string, unknown>, item as unknown as Record<string, unknown>);
      }
    } else accumulate(held as Record<string, unknown>, value as Record<string, unknown>);
  }
}
