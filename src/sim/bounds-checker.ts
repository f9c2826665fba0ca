/** Judges the memory part of P8: a node's counts are within their bounds at each step, and zero once all is quiet. */
import type { BoundStatus } from '../node/api/bounds.ts';
import { SimViolation } from './golden-log.ts';

/** Reads may still wait when the writes are over. */
const MAY_STAY: ReadonlySet<string> = new Set(['waiting reads']);

/** Checks the bounds of a node. @throws SimViolation where a count is above its bound, or negative. */
export function checkBounds(who: string, bounds: readonly BoundStatus[] = []): void {
  for (const { name, used, max } of bounds) {
    if (used >= 0 && used <= max) continue;
    throw new SimViolation(`${who} counts ${used} ${name}, and at most ${max} may be`);
  }
}

/**
 * Checks that no node holds anything for a write, once all writes have ended and all is committed and applied.
 * @throws SimViolation.
 */
export function checkNothingHeld(who: string, bounds: readonly BoundStatus[] = []): void {
  for (const { name, used } of bounds) {
    if (used === 0 || MAY_STAY.has(name)) continue;
    throw new SimViolation(`${who} counts ${used} ${name}, and nobody writes any more`);
  }
}
