import type { WriteStream } from 'node:tty';

const ESC = '\x1b';

/** The terminal's last row, kept out of the scrolling text above it. */
export interface StatusLine {
  show(text: string): void;
  /** Gives the row back. */
  close(): void;
}

/** Reserves the last row by a scroll region (DECSTBM). To be called with the cursor at the start of a line. */
export function openStatusLine(terminal: WriteStream): StatusLine {
  const { rows } = terminal;
  let open = true;
  // A line feed and a step back keep the text off the row if the cursor is there.
  terminal.write(`\n${ESC}[A${ESC}7${ESC}[1;${rows - 1}r${ESC}8`);
  return {
    show(text) {
      if (open)
        terminal.write(`${ESC}7${ESC}[${rows};1H${ESC}[2K${ESC}[2m${text.slice(0, terminal.columns)}${ESC}[0m${ESC}8`);
    },
    close() {
      if (!open) return;
      open = false;
      terminal.write(`${ESC}7${ESC}[${rows};1H${ESC}[2K${ESC}[r${ESC}8`);
    },
  };
}
