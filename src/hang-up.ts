import { closeSync, openSync } from 'node:fs';

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs `reload` on SIGHUP, as servers do; but where the process runs in a terminal and that was closed, which is what the
 * signal was made for, it ends as it would without a handler.
 */
export function onHangUp(reload: () => void): void {
  const isInTerminal = process.stdin.isTTY || process.stdout.isTTY;
  const onSignal = (): void => {
    if (!isInTerminal || hasTerminal()) {
      reload();
      return;
    }
    process.off('SIGHUP', onSignal);
    process.kill(process.pid, 'SIGHUP');
  };
  process.on('SIGHUP', onSignal);
}
