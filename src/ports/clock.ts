/** Time, as the node sees it. Decisions never depend on it; only pace and patience do. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary start. */
  nowMs(): number;
  /** Milliseconds since 1970, as the machine believes. */
  wallMs(): number;
  /** Calls `run` once after `delayMs`; the result cancels it, and may be called again. */
  after(delayMs: number, run: () => void): () => void;
  /** Calls `run` in a later turn, after the I/O events that are ready now. */
  soon(run: () => void): void;
}

/** Resolves in a later turn, after the I/O events that are ready now: work in slices holds nobody up. */
export function nextTurn(clock: Pick<Clock, 'soon'>): Promise<void> {
  return new Promise((resolve) => {
    clock.soon(resolve);
  });
}
