import assert from 'node:assert';
import type { DiskFile } from '../../ports/disk.ts';
import { MiB } from '../../ports/units.ts';

/** Maximum bytes of one durable write, so that a concurrent commit waits for that much at most. */
const WRITE_BYTES_MAX = MiB;

interface Waiter {
  /** Offset that must be durable before the waiter is settled. */
  readonly end: number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Writes a file from front to back while its producer continues: one write is in flight, and the bytes that arrive meanwhile form the
 * next one. Buffers are reused; their total is bounded by the bytes that the producer leaves waiting.
 */
export class WriteBehind {
  readonly #file: Pick<DiskFile, 'writeDurable'>;
  /** Offset before which everything is durable. */
  #writtenEnd: number;
  /** End of the bytes added so far. */
  #end: number;
  #filling: Buffer = Buffer.allocUnsafeSlow(WRITE_BYTES_MAX);
  #filled = 0;
  readonly #full: Buffer[] = [];
  readonly #spare: Buffer[] = [];
  readonly #waiters: Waiter[] = [];
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** Continues at `offset`. The caller closes the file, and not before `settled` resolves. */
  constructor(file: Pick<DiskFile, 'writeDurable'>, offset: number) {
    this.#file = file;
    this.#writtenEnd = offset;
    this.#end = offset;
  }

  /** Copies and queues the bytes. Resolves when they and all bytes before them are durable. @throws WalshipError DISK_FULL, DISK_FAILED. */
  add(bytes: Buffer): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    for (let start = 0; start < bytes.length;) {
      const count = bytes.copy(this.#filling, this.#filled, start);
      start += count;
      this.#filled += count;
      if (this.#filled === WRITE_BYTES_MAX) this.#turnOver();
    }
    this.#end += bytes.length;
    this.#running ??= this.#run();
    const end = this.#end;
    return new Promise((done, failed) => {
      this.#waiters.push({ end, done, failed });
    });
  }

  /** Resolves when no write is in flight, also after a failure. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #turnOver(): void {
    this.#full.push(this.#filling.subarray(0, this.#filled));
    this.#filling = this.#spare.pop() ?? Buffer.allocUnsafeSlow(WRITE_BYTES_MAX);
    this.#filled = 0;
  }

  async #run(): Promise<void> {
    try {
      while (this.#writtenEnd < this.#end) {
        if (this.#full.length === 0) this.#turnOver();
        const next = this.#full.shift();
        assert(next !== undefined, 'what is not written waits to be');
        await this.#file.writeDurable(next, this.#writtenEnd);
        this.#writtenEnd += next.length;
        this.#spare.push(Buffer.from(next.buffer));
        this.#tell();
      }
    } catch (error) {
      this.#failure = { error };
      for (const { failed } of this.#waiters.splice(0)) failed(error);
    }
    this.#running = undefined;
  }

  #tell(): void {
    while ((this.#waiters[0]?.end ?? Infinity) <= this.#writtenEnd) this.#waiters.shift()?.done();
  }
}
