import { isUnwritable } from '../../ports/disk-errors.ts';
import { isWalshipError } from '../../errors.ts';
import type { WalshipError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import { removeQuietly } from '../../ports/remove-quietly.ts';
import { prefill, TEMPORARY_SUFFIX } from '../format/segment.ts';
import type { PrefilledFile } from '../format/segment.ts';

/** First retry delay on a full disk, doubled each time up to the maximum: each attempt temporarily uses up the remaining space. */
const FILL_RETRY_MS = 1000;
const FILL_RETRY_MS_MAX = 16_000;

export interface SpareSegmentOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly walDir: string;
  readonly sizeBytes: number;
  /** Called when filling failed for a reason other than a full disk. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * The next segment, filled in advance under a temporary name.
 * Invariant: at most one of ready, filling, and waiting for a retry.
 */
export class SpareSegment {
  readonly #options: SpareSegmentOptions;
  #ready: PrefilledFile | undefined;
  #filling: Promise<PrefilledFile> | undefined;
  #cancelRetry: (() => void) | undefined;
  #lack: WalshipError | undefined;
  #late = false;
  #retryMs = FILL_RETRY_MS;
  #closed = false;

  constructor(options: SpareSegmentOptions) {
    this.#options = options;
  }

  /** Error of the last attempt; undefined after a success. */
  get lack(): WalshipError | undefined {
    return this.#lack;
  }

  /** True if the last spare was not ready in time: the next one should start earlier. */
  get late(): boolean {
    return this.#late;
  }

  /** Starts to fill a spare in the background, unless one exists or a retry is pending. */
  start(): void {
    if (this.#closed || this.#cancelRetry !== undefined) return;
    if (this.#ready !== undefined || this.#filling !== undefined) return;
    this.#fill().catch((error: unknown) => {
      if (!isUnwritable(error)) this.#options.onFailed(error);
    });
  }

  /**
   * Hands over a file of fill of at least `sizeBytes`; waits if it is still being filled.
   * @throws WalshipError DISK_FULL; the unfinished file is removed then.
   */
  async take(sizeBytes: number): Promise<PrefilledFile> {
    // A batch that does not fit into an ordinary segment.
    if (sizeBytes > this.#options.sizeBytes) return this.#prefill('large', sizeBytes);
    this.#late = this.#ready === undefined;
    const file = this.#ready ?? (await (this.#filling ?? this.#fill()));
    this.#ready = undefined;
    return file;
  }

  /** Removes a file that was handed over, because the disk accepted no header or no name for it; fills another one later. */
  async discard({ file, path }: PrefilledFile, lack: WalshipError): Promise<void> {
    await file.close();
    await removeQuietly(this.#options.disk, path);
    // Another spare that is ready or being filled tells whether the disk lacks space.
    if (this.#ready === undefined && this.#filling === undefined) this.#waitForRoom(lack);
  }

  /** Removes the spare, which is empty. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    try {
      await this.#filling;
    } catch (error) {
      // The caller that started the filling has got this error.
      if (!isWalshipError(error)) throw error;
    }
    const spare = this.#ready;
    if (spare === undefined) return;
    this.#ready = undefined;
    await spare.file.close();
    await this.#options.disk.remove(spare.path);
  }

  #fill(): Promise<PrefilledFile> {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#filling = this.#prefill('spare', this.#options.sizeBytes).then(
      (spare) => {
        this.#filling = undefined;
        this.#ready = spare;
        this.#lack = undefined;
        this.#retryMs = FILL_RETRY_MS;
        return spare;
      },
      (error: unknown) => {
        this.#filling = undefined;
        if (isUnwritable(error)) this.#waitForRoom(error);
        throw error;
      },
    );
    return this.#filling;
  }

  #waitForRoom(lack: WalshipError): void {
    this.#lack = lack;
    if (this.#closed) return;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#options.clock.after(this.#retryMs, () => {
      this.#cancelRetry = undefined;
      this.start();
    });
    this.#retryMs = Math.min(this.#retryMs * 2, FILL_RETRY_MS_MAX);
  }

  #prefill(name: string, sizeBytes: number): Promise<PrefilledFile> {
    const { disk, walDir } = this.#options;
    const path = `${walDir}/${name}${TEMPORARY_SUFFIX}`;
    return prefill(disk, path, sizeBytes, () => this.#late);
  }
}
