import { isUnwritable } from '../../ports/disk-errors.ts';
import { isWalshipError } from '../../errors.ts';
import type { WalshipError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import { removeQuietly } from '../../ports/remove-quietly.ts';
import { prefill, TEMPORARY_SUFFIX } from '../format/segment.ts';
import type { PrefilledFile } from '../format/segment.ts';

/** A full disk is asked again after this long, then after twice as long, and so on: each time costs what room there is. */
const FILL_RETRY_MS = 1000;
const FILL_RETRY_MS_MAX = 16_000;

export interface SpareSegmentOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly walDir: string;
  readonly sizeBytes: number;
  /** Called when filling failed for another reason than a full disk. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * The next segment, filled before it is needed, under a temporary name.
 * Invariant: at most one of ready, being filled, and waiting to be tried again.
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

  /** Why the disk did not take the last one; another success says otherwise. */
  get lack(): WalshipError | undefined {
    return this.#lack;
  }

  /** The last one was not ready when it was needed: the next one is to be begun earlier. */
  get late(): boolean {
    return this.#late;
  }

  /** Begins to fill one in the background, unless there is one or the disk is waited for. */
  start(): void {
    if (this.#closed || this.#cancelRetry !== undefined) return;
    if (this.#ready !== undefined || this.#filling !== undefined) return;
    this.#fill().catch((error: unknown) => {
      if (!isUnwritable(error)) this.#options.onFailed(error);
    });
  }

  /**
   * Hands over a file of fill of at least `sizeBytes`, waiting where it is being filled.
   * @throws WalshipError DISK_FULL with nothing left behind.
   */
  async take(sizeBytes: number): Promise<PrefilledFile> {
    // For a batch that no ordinary segment holds.
    if (sizeBytes > this.#options.sizeBytes) return this.#prefill('large', sizeBytes);
    this.#late = this.#ready === undefined;
    const file = this.#ready ?? (await (this.#filling ?? this.#fill()));
    this.#ready = undefined;
    return file;
  }

  /** Removes a file that was handed over, because the disk takes no header or no name for it; fills another one later. */
  async discard({ file, path }: PrefilledFile, lack: WalshipError): Promise<void> {
    await file.close();
    await removeQuietly(this.#options.disk, path);
    // With another one ready the disk lacks nothing that is known of.
    if (this.#ready === undefined) this.#waitForRoom(lack);
  }

  /** Removes the spare: it has nothing in it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    try {
      await this.#filling;
    } catch (error) {
      // Whoever started it has heard of it.
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
