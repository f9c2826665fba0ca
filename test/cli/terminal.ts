import type { CommandIo } from '../../src/cli/command-io.ts';

/** A terminal that keeps what a command prints, and types `input` into it. */
export class Terminal implements CommandIo {
  readonly terminal = false;
  readonly #out: Buffer[] = [];
  readonly #input: Buffer;
  stderr = '';

  constructor(input: string | Buffer = '') {
    this.#input = Buffer.from(input);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#out);
  }

  get stdout(): string {
    return this.bytes.toString('utf8');
  }

  out(text: string | Uint8Array): void {
    this.#out.push(Buffer.from(text));
  }

  err(text: string): void {
    this.stderr += text;
  }

  async input(): Promise<Buffer> {
    return await Promise.resolve(this.#input);
  }
}
