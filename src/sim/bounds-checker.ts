/** Judges P8 as far as memory is concerned: what a node counts is within its bounds at each step, and nothing once all is quiet. */
import type { BoundStatus } from '../node/api/bounds.ts';
import { SimViolation } from './golden-log.ts';

/** Reads may still wait when the writes are over. */
const MAY_STAY: ReadonlySet<string> = new Set(['waiting reads']);

/** @throws SimViolation where more is held than there may be, or less than nothing. */
export function checkBounds(who: string, bounds: readonly BoundStatus[] = []): void {
  for (const { name, used, max } of bounds) {
    if (used >= 0 && used <= max) continue;
    throw new SimViolation(`${who} counts ${used} ${name}, and at most ${max} may be`);
  }
}

/** Checks that no node holds anything for a write, once no client writes any more and all is committed and applied. @throws SimViolation. */
export function checkNothingHeld(who: string, bounds: readonly BoundStatus[] = []): void {
  for (const { name, used } of bounds) {
    if (used === 0 || MAY_STAY.has(name)) continue;
    throw new SimViolation(`${who} counts ${used} ${name}, and nobody writes any more`);
  }
}
