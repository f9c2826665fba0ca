import { once } from 'node:events';

/**
 * Resolves with the result of `work`, or rejects with the reason of `signal` as soon as that aborts. Nobody waits for
 * the rest of the work then: everything that it would use is closed.
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  // The work may fail after its result no longer matters.
  work.catch(() => undefined);
  signal.throwIfAborted();
  const settled = new AbortController();
  const aborted = once(signal, 'abort', { signal: settled.signal }).then((): never => {
    throw signal.reason;
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    settled.abort();
  }
}
