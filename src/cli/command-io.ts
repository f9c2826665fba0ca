/** The streams of a command, so that tests can be its terminal. */
export interface CommandIo {
  out(text: string | Uint8Array): void;
  err(text: string): void;
  /** Resolves with all of standard input. */
  input(): Promise<Buffer>;
  /** True if standard output is a terminal. */
  readonly terminal: boolean;
}

/** Returns the real streams of this process. */
export function processIo(): CommandIo {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    input: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
    terminal: process.stdout.isTTY,
  };
}
