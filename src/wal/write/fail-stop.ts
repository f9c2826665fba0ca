import { isWalshipError, WalshipError } from '../../errors.ts';
import { rejected } from '../format/check-operations.ts';

/** Whether the log may still write. The first failure is final. */
export class FailStop {
  readonly #listeners: ((error: WalshipError) => void)[] = [];
  #failure: WalshipError | undefined;
  #closed = false;

  get failure(): WalshipError | undefined {
    return this.#failure;
  }

  /** Calls `listener` once, with the failure; at once where it has happened already. */
  onFailed(listener: (error: WalshipError) => void): void {
    this.#listeners.push(listener);
    if (this.#failure !== undefined) listener(this.#failure);
  }

  /** Remembers the first failure, tells of it, and returns it. A bug is no failure of the disk: it is thrown on. */
  fail(cause: unknown): WalshipError {
    if (!isWalshipError(cause)) throw cause;
    if (this.#failure !== undefined) return this.#failure;
    const { message, details } = cause;
    // A full disk where the log had no way back is as final as a broken one.
    const options = { details, outcome: 'indeterminate', cause } as const;
    const failure = new WalshipError('DISK_FAILED', message, options);
    this.#failure = failure;
    for (const listener of this.#listeners) listener(failure);
    return failure;
  }

  close(): void {
    this.#closed = true;
  }

  /** @throws WalshipError DISK_FAILED or NODE_CLOSED; rejected. */
  refuseIfEnded(): void {
    if (this.#failure !== undefined) {
      const { message, details } = this.#failure;
      throw rejected('DISK_FAILED', `the log has failed: ${message}`, details);
    }
    if (this.#closed) throw rejected('NODE_CLOSED', 'the log is closed');
  }
}
