import { isWalshipError, WalshipError } from '../../errors.ts';
import { rejected } from '../format/check-operations.ts';

/** Switch that stops all writing of a log at the first failure, for good. */
export class FailStop {
  readonly #listeners: ((error: WalshipError) => void)[] = [];
  #failure: WalshipError | undefined;
  #closed = false;

  get failure(): WalshipError | undefined {
    return this.#failure;
  }

  /** Calls `listener` once, with the failure; immediately if it has already happened. */
  onFailed(listener: (error: WalshipError) => void): void {
    this.#listeners.push(listener);
    if (this.#failure !== undefined) listener(this.#failure);
  }

  /** Records the first failure, calls the listeners, and returns it. Rethrows bugs, which are no failures of the disk. */
  fail(cause: unknown): WalshipError {
    if (!isWalshipError(cause)) throw cause;
    if (this.#failure !== undefined) return this.#failure;
    const { message, details } = cause;
    // A full disk at a point of no return is as final as a broken one.
    const options = { details, outcome: 'indeterminate', cause } as const;
    const failure = new WalshipError('DISK_FAILED', message, options);
    this.#failure = failure;
    for (const listener of this.#listeners) listener(failure);
    return failure;
  }

  close(): void {
    this.#closed = true;
  }

  /** Refuses after a failure or a close. @throws WalshipError DISK_FAILED or NODE_CLOSED; rejected. */
  refuseIfEnded(): void {
    if (this.#failure !== undefined) {
      const { message, details } = this.#failure;
      throw rejected('DISK_FAILED', `the log has failed: ${message}`, details);
    }
    if (this.#closed) throw rejected('NODE_CLOSED', 'the log is closed');
  }
}
