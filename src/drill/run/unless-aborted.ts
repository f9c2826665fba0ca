import { once } from 'node:events';

/**
 * What `work` comes to, or the reason of `signal` as soon as that aborts. What is still under way then is waited for by nobody: it finds
 * everything closed that it would go on with.
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  // It may fail after nobody looks any more.
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
