import { fstatSync } from 'node:fs';
import { type DestinationStream, pino } from 'pino';

/** How long a line may wait for others to be written with it, in milliseconds: a write costs more than many lines. */
const gatherMs = 10;
/** Characters that don't wait any longer: each write wakes a thread, and a reader. */
const mostGathered = 64 * 1024;
/** What a pipe takes in one piece (PIPE_BUF on Linux): into more of it other processes' lines may come. */
const wholeBytes = 4_096;

/**
 * Stdout: written to without blocking the event loop, one write at a time, and flushed when the process ends. Where it is
 * `shared` with other processes, lines stay whole, but for those longer than 4 KiB.
 */
export function stdout(shared: boolean): DestinationStream {
  // To a file, each write is one piece anyway.
  const limited = shared && !fstatSync(1).isFile();
  const stream = pino.destination({ dest: 1, sync: false, minLength: 0, maxWrite: limited ? wholeBytes : 2 ** 40 });
  /** Whole lines, each as many as may be written at once; before those gathered. */
  let pieces: string[] = [];
  let gathered = '';
  let gatheredBytes = 0;
  let armed = false;
  let hurried = false;
  let writing = false;
  let broken = false;

  const take = (): string => {
    const lines = gathered;
    gathered = '';
    gatheredBytes = 0;
    return lines;
  };
  const flush = (): void => {
    if (writing) return;
    const piece = pieces.shift() ?? take();
    if (piece === '') return;
    writing = true;
    stream.write(piece);
  };
  const written = (): void => {
    writing = false;
    if (pieces.length > 0 || !armed) flush();
  };
  const due = (): void => {
    armed = false;
    hurried = false;
    flush();
  };

  stream.on('drain', written);
  stream.on('error', ({ code }: NodeJS.ErrnoException) => {
    // Nobody reads any more.
    broken ||= code === 'EPIPE';
    writing = false;
  });
  process.once('exit', () => {
    if (broken) return;
    for (const piece of [...pieces, gathered]) if (piece !== '') stream.write(piece);
    pieces = [];
    stream.flushSync();
  });
  return {
    write(line) {
      if (broken) return;
      if (limited) {
        const bytes = Buffer.byteLength(line);
        if (gathered !== '' && gatheredBytes + bytes > wholeBytes) pieces.push(take());
        gatheredBytes += bytes;
      }
      gathered += line;
      if (!armed) {
        armed = true;
        setTimeout(due, gatherMs);
      } else if (!hurried && gathered.length >= mostGathered) {
        hurried = true;
        setImmediate(due);
      }
    },
  };
}
