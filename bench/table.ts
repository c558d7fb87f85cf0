/** One load on one program. */
export interface Sample {
  /** CPU microseconds a request, or a chunk. */
  readonly micros: number;
  readonly perSecond: number;
  /** Resident, in MB. */
  readonly memory: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly errors: number;
}

/** By what was measured, then by who. */
export type Samples = ReadonlyMap<string, ReadonlyMap<string, readonly Sample[]>>;

const heading = `${' '.repeat(18)}   CPU µs   min to max       x bare      /s   p50 ms   p99 ms p99.9 ms   MB   errors`;

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

export interface Row {
  readonly what: string;
  readonly who: string;
  readonly micros: number;
  readonly range: string;
  /** Against the bare proxy of the measurement: node:http for JSON and SSE, grpc-go for gRPC. */
  readonly ratio: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly memory: number;
  readonly errors: number;
}

/** Medians of the samples, by what was measured and who. */
export function rowsOf(samples: Samples): Row[] {
  const bareOf = (rows: ReadonlyMap<string, readonly Sample[]>): number => {
    const bare = rows.get('bare Node proxy') ?? rows.get('grpc-go, bare') ?? [];
    return median(bare.map((sample) => sample.micros));
  };
  return [...samples].flatMap(([what, rows]) =>
    [...rows].map(([who, list]) => {
      const micros = list.map((sample) => sample.micros);
      const of = (key: keyof Sample) => median(list.map((sample) => sample[key]));
      return {
        what,
        who,
        micros: of('micros'),
        range: `${Math.min(...micros).toFixed(1)} to ${Math.max(...micros).toFixed(1)}`,
        ratio: of('micros') / bareOf(rows),
        perSecond: of('perSecond'),
        p50Ms: of('p50Ms'),
        p99Ms: of('p99Ms'),
        p999Ms: of('p999Ms'),
        memory: of('memory'),
        errors: list.reduce((sum, sample) => sum + sample.errors, 0),
      };
    }),
  );
}

/** Prints a table of each measurement to stdout. */
export function print(rows: readonly Row[]): void {
  let what = '';
  const shown = (ms: number) => (ms === 0 ? '' : ms.toFixed(2));
  for (const row of rows) {
    if (row.what !== what) {
      what = row.what;
      process.stdout.write(`\n${what}\n`);
      process.stdout.write(`${heading}\n`);
    }
    const cells = [
      row.who.padEnd(18),
      row.micros.toFixed(1).padStart(8),
      `  ${row.range}`.padEnd(18),
      (Number.isNaN(row.ratio) ? '' : row.ratio.toFixed(2)).padStart(6),
      Math.round(row.perSecond).toString().padStart(7),
      shown(row.p50Ms).padStart(8),
      shown(row.p99Ms).padStart(8),
      shown(row.p999Ms).padStart(8),
      Math.round(row.memory).toString().padStart(4),
      row.errors.toString().padStart(6),
    ];
    process.stdout.write(`${cells.join(' ')}\n`);
  }
}
