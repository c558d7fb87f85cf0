import {
  close,
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  write,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const writeTo = promisify(write);
const syncTo = promisify(fdatasync);
const closeOf = promisify(close);

/** An audit file can't be used; the message says why, and what to do. */
export class AuditFileError extends Error {
  override readonly name = 'AuditFileError';
}

/** What happened to the file behind our back. */
export type Interference =
  /** Another file, or none, is where ours was: this is a new one. */
  | { readonly kind: 'replaced' }
  /** It has bytes that are not ours, or lacks some that are. */
  | { readonly kind: 'changed'; readonly expected: number; readonly found: number };

/** Files of this process: two writers in one process are two all the same. */
const held = new Set<string>();

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Hidden, so that a pattern for the files of a log does not match it. */
const lockOf = (path: string): string => join(dirname(path), `.${basename(path)}.lock`);

/** Two writers would tear a chain in two; the lock names the process that has the file. */
function lock(path: string): void {
  const lockFile = lockOf(path);
  const taken = (pid: string) =>
    new AuditFileError(`process ${pid} writes it already (if that is not so, delete ${lockFile})`);
  if (held.has(path)) throw taken(String(process.pid));
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: 'wx', mode: 0o600 });
      held.add(path);
      return;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    }
    const pid = readFileSync(lockFile, 'utf8');
    // In a container every process before this one had the same number.
    if (attempt > 0 || (Number(pid) !== process.pid && /^\d+$/.test(pid) && isAlive(Number(pid)))) throw taken(pid);
    rmSync(lockFile, { force: true });
  }
}

const appending = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;

/** One file that is only ever appended to, by one process. Paths of full ones end in the number of their last record. */
export class AuditFile {
  readonly #path: string;
  #fd: number;
  #inode: number;
  #bytes: number;

  /** Takes the file, and makes it and its folder where they are not there. Throws AuditFileError and what Node throws. */
  constructor(path: string) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
    lock(path);
    try {
      this.#fd = openSync(path, appending, 0o600);
    } catch (thrown) {
      this.#unlock();
      throw thrown;
    }
    const { ino, size } = fstatSync(this.#fd);
    this.#inode = ino;
    this.#bytes = size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The newest of the full files, if there is one. */
  newestFull(): string | undefined {
    const prefix = `${basename(this.#path)}.`;
    const full = readdirSync(dirname(this.#path)).filter(
      (name) => name.startsWith(prefix) && /^\d{12}$/.test(name.slice(prefix.length)),
    );
    const newest = full.sort().at(-1);
    return newest === undefined ? undefined : join(dirname(this.#path), newest);
  }

  /** Looks whether the file is still the one that was written last; makes a new one where it is not. */
  inspect(): Interference | undefined {
    const found = statSync(this.#path, { throwIfNoEntry: false });
    if (found === undefined || found.ino !== this.#inode) {
      this.#reopen();
      return { kind: 'replaced' };
    }
    const expected = this.#bytes;
    if (found.size === 0 && expected > 0) {
      this.#bytes = 0;
      return { kind: 'replaced' };
    }
    if (found.size === expected) return undefined;
    this.#bytes = found.size;
    return { kind: 'changed', expected, found: found.size };
  }

  /** Appends; resolves with how many bytes were written, which may be fewer. */
  async append(bytes: Buffer): Promise<number> {
    const { bytesWritten } = await writeTo(this.#fd, bytes, 0, bytes.length, null);
    this.#bytes += bytesWritten;
    return bytesWritten;
  }

  /** Has the system put on disk what was written. */
  async sync(): Promise<void> {
    try {
      await syncTo(this.#fd);
    } catch (thrown) {
      // Devices and pipes can't.
      if ((thrown as NodeJS.ErrnoException).code !== 'EINVAL') throw thrown;
    }
  }

  /** Puts the file away under its path with `suffix`, and starts an empty one. */
  setAside(suffix: string): void {
    renameSync(this.#path, `${this.#path}.${suffix}`);
    this.#reopen();
  }

  async close(): Promise<void> {
    this.#unlock();
    await closeOf(this.#fd);
  }

  #reopen(): void {
    const fd = openSync(this.#path, appending, 0o600);
    closeSync(this.#fd);
    this.#fd = fd;
    const { ino, size } = fstatSync(fd);
    this.#inode = ino;
    this.#bytes = size;
  }

  #unlock(): void {
    held.delete(this.#path);
    rmSync(lockOf(this.#path), { force: true });
  }
}

/** The path suffix of a file that is full; as many digits for all, so that names sort by number. */
export const fullSuffix = (seq: number): string => String(seq).padStart(12, '0');
