import { randomBytes, randomInt } from 'node:crypto';
import type { Entropy } from './entropy.ts';

/** The operating system's randomness. */
export class SystemEntropy implements Entropy {
  bytes(count: number): Buffer {
    return randomBytes(count);
  }

  below(end: number): number {
    return randomInt(end);
  }
}
