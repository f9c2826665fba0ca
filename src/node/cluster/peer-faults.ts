import type { Clock } from '../../ports/clock.ts';
import type { EventListener } from '../api/events.ts';

/** Milliseconds before the same fault of the same peer is reported again, with the number of occurrences. */
export const PEER_FAULT_PAUSE_MS = 10_000;
/** Number of peers whose faults are told apart: made-up names cannot fill the memory. */
export const PEER_FAULTS_MAX = 64;

/** A message of a peer that breaks the protocol. */
export interface PeerFault {
  readonly code: string;
  readonly message: string;
  /** Name that the peer gave; absent where it gave none. */
  readonly peer?: string;
}

/** Returns a listener that turns faults of peers into events. */
export function peerFaultListener(
  clock: Clock,
  onEvent: EventListener,
): (fault: PeerFault) => void {
  const faults = new PeerFaults(clock, onEvent);
  return (fault) => faults.note(fault);
}

/**
 * Reports faults of peers: the first one immediately, repeats seldom, because anybody who reaches the port can cause
 * them all the time.
 */
class PeerFaults {
  readonly #clock: Clock;
  readonly #onEvent: EventListener;
  readonly #told = new Map<string, { readonly atMs: number; untold: number }>();

  constructor(clock: Clock, onEvent: EventListener) {
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  note({ code, message, peer }: PeerFault): void {
    const nowMs = this.#clock.nowMs();
    const key = this.#keyOf(`${code} ${peer ?? ''}`, nowMs);
    const last = this.#told.get(key);
    if (last !== undefined && nowMs - last.atMs < PEER_FAULT_PAUSE_MS) {
      last.untold += 1;
      return;
    }
    this.#told.set(key, { atMs: nowMs, untold: 0 });
    const untold = last?.untold ?? 0;
    const again = untold === 0 ? '' : ` (and ${untold} more times since the last report)`;
    const from = peer === undefined ? {} : { peer };
    this.#onEvent({ level: 'warn', code, message: `${message}${again}`, ...from });
  }

  /** Returns the key of a fault; all peers beyond the limit share one key. */
  #keyOf(key: string, nowMs: number): string {
    if (this.#told.has(key) || this.#told.size < PEER_FAULTS_MAX) return key;
    for (const [old, { atMs }] of this.#told) {
      if (nowMs - atMs >= PEER_FAULT_PAUSE_MS) this.#told.delete(old);
    }
    return this.#told.size < PEER_FAULTS_MAX ? key : 'others';
  }
}
