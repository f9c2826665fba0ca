import type { Position } from '../wal/format/position.ts';

/** Bytes sent to one follower and not yet acknowledged: bounds the follower's buffer. One batch may exceed it. */
export const IN_FLIGHT_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Batches sent in this session and not acknowledged yet, in order. An ack has to name the end of a sent batch, with
 * the chain that the leader's own log has there: a bare LSN proves nothing.
 */
export class InFlight {
  #sent: { readonly end: Position; readonly bytes: number }[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#bytes >= IN_FLIGHT_BYTES_MAX;
  }

  send(end: Position, bytes: number): void {
    this.#sent.push({ end, bytes });
    this.#bytes += bytes;
  }

  /**
   * Removes everything up to `lsn`; returns the leader's position there, or undefined where no sent batch ends there.
   */
  acknowledge(lsn: number): Position | undefined {
    const index = this.#sent.findIndex(({ end }) => end.lsn === lsn);
    const found = this.#sent[index];
    if (found === undefined) return undefined;
    for (const { bytes } of this.#sent.splice(0, index + 1)) this.#bytes -= bytes;
    return found.end;
  }
}
