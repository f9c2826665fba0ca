/** Clock and timers of a node. Decisions never depend on the time; only intervals and timeouts do. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary start. */
  nowMs(): number;
  /** Milliseconds since 1970 by the wall clock of the machine, which may jump. */
  wallMs(): number;
  /** Calls `run` once after `delayMs`; the returned function cancels that and may be called more than once. */
  after(delayMs: number, run: () => void): () => void;
  /** Calls `run` in a later turn of the event loop, after the I/O events that are ready now. */
  soon(run: () => void): void;
}

/** Resolves in a later turn of the event loop, after the I/O events that are ready now; long work uses it between slices. */
export function nextTurn(clock: Pick<Clock, 'soon'>): Promise<void> {
  return new Promise((resolve) => {
    clock.soon(resolve);
  });
}
