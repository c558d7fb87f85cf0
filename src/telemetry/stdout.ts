import { fstatSync } from 'node:fs';
import { type DestinationStream, pino } from 'pino';

/** How long a line may wait for others to be written with it, in milliseconds: a write costs more than many lines. */
const gatherMs = 10;
/** Characters that don't wait any longer: each write wakes a thread, and a reader. */
const mostGathered = 64 * 1024;
/** What a pipe takes in one piece (PIPE_BUF on Linux): into more of it other processes' lines may come. */
const wholeBytes = 4_096;
/** Characters that are held for a reader who does not read; what comes then is counted and let go. */
const mostHeld = 64 * 1024 * 1024;

const droppedLine = (count: number, worker: number | undefined): string =>
  `${JSON.stringify({
    level: 'warn',
    time: new Date().toISOString(),
    worker,
    event: 'log_lines_dropped',
    count,
    msg: 'nobody read the log for too long',
  })}\n`;

/**
 * Stdout: written to without blocking the event loop, one write at a time, and flushed when the process ends. Where several
 * workers share it, lines stay whole, but for those longer than 4 KiB. `worker` is the place of this one among them.
 */
export function stdout(worker: number | undefined): DestinationStream {
  // To a file, each write is one piece anyway.
  const limited = worker !== undefined && !fstatSync(1).isFile();
  const stream = pino.destination({ dest: 1, sync: false, minLength: 0, maxWrite: limited ? wholeBytes : 2 ** 40 });
  /** Whole lines, each as many as may be written at once; before those gathered. */
  let pieces: string[] = [];
  let gathered = '';
  let gatheredBytes = 0;
  /** Characters of all that was not handed to be written. */
  let held = 0;
  let dropped = 0;
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
    held -= piece.length;
    writing = true;
    stream.write(piece);
  };
  const add = (line: string): void => {
    if (limited) {
      const bytes = Buffer.byteLength(line);
      if (gathered !== '' && gatheredBytes + bytes > wholeBytes) pieces.push(take());
      gatheredBytes += bytes;
    }
    gathered += line;
    held += line.length;
  };
  const written = (): void => {
    writing = false;
    if (dropped > 0 && held < mostHeld) {
      add(droppedLine(dropped, worker));
      dropped = 0;
    }
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
    if (dropped > 0) add(droppedLine(dropped, worker));
    for (const piece of [...pieces, gathered]) if (piece !== '') stream.write(piece);
    pieces = [];
    stream.flushSync();
  });
  return {
    write(line) {
      if (broken) return;
      if (held > mostHeld) {
        dropped++;
        return;
      }
      add(line);
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
