import type { Clock } from '../../ports/clock.ts';
import type { EventListener } from '../api/events.ts';

/** The same fault of the same peer is told again after so long, with how often it came. */
export const PEER_FAULT_PAUSE_MS = 10_000;
/** Peers whose faults are told apart: whoever makes up names does not fill the memory. */
export const PEER_FAULTS_MAX = 64;

/** What a peer said and may not say. */
export interface PeerFault {
  readonly code: string;
  readonly message: string;
  /** As it calls itself; absent where it did not come to that. */
  readonly peer?: string;
}

/** Takes what peers do wrong, and makes events of it. */
export function peerFaultListener(
  clock: Clock,
  onEvent: EventListener,
): (fault: PeerFault) => void {
  const faults = new PeerFaults(clock, onEvent);
  return (fault) => faults.note(fault);
}

/** Tells what peers do wrong: at once, and then seldom, since whoever reaches the port can do it all the time. */
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

  /** Those who come when there are too many share one place. */
  #keyOf(key: string, nowMs: number): string {
    if (this.#told.has(key) || this.#told.size < PEER_FAULTS_MAX) return key;
    for (const [old, { atMs }] of this.#told) {
      if (nowMs - atMs >= PEER_FAULT_PAUSE_MS) this.#told.delete(old);
    }
    return this.#told.size < PEER_FAULTS_MAX ? key : 'others';
  }
}
