/** Values that clients write now and then: far larger than the others, or made of parts of the log format. */
import { MiB } from '../ports/units.ts';
import { SEGMENT_HEADER_BYTES } from '../wal/format/limits.ts';
import { Salt } from '../wal/format/salt.ts';
import { encodeSeal, SEAL_BYTES } from '../wal/format/seal.ts';
import { encodeSegmentHeader } from '../wal/format/segment.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';

const LARGE = 0.002;
const LOG_LIKE = 0.03;
const LARGE_BYTES: readonly number[] = [70_000, 300_000, 1_200_000];
/** Share of several MiB among the large ones. */
const HUGE = 0.1;
const HUGE_BYTES = 5 * MiB;

/**
 * Returns the suffix of a value, as latin1 text; empty for nearly all values. `lsn` is about the place of its record.
 */
export function oddValue(entropy: SeededEntropy, lsn: number): string {
  if (entropy.chance(LARGE)) {
    return 'x'.repeat(entropy.chance(HUGE) ? HUGE_BYTES : entropy.pick(LARGE_BYTES));
  }
  if (!entropy.chance(LOG_LIKE)) return '';
  const seals = 1 + entropy.below(20);
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES + seals * SEAL_BYTES);
  const salt = Salt.random(entropy);
  const header = { clusterId: '0'.repeat(32), baseLsn: lsn + 1, epoch: 1, chain: 1, salt };
  encodeSegmentHeader(header).copy(bytes);
  for (let index = 0; index < seals; index += 1) {
    const at = SEGMENT_HEADER_BYTES + index * SEAL_BYTES;
    const seal = { epoch: 1, timeMs: 1, commitLsn: lsn, count: 1, chain: index, lsn: lsn + index };
    encodeSeal(bytes, at, seal);
  }
  return bytes.toString('latin1');
}
