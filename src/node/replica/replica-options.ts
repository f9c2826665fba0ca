import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import type { Entropy } from '../../ports/entropy.ts';
import type { EventListener } from '../api/events.ts';

/** Options for opening a replica. */
export interface ReplicaOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly dir: string;
  readonly nodeId: string;
  readonly voterCount: number;
  readonly segmentBytes?: number;
  readonly recentBytesMax?: number;
  /** Log bytes that are applied in one slice. */
  readonly applyBytesMax?: number;
  readonly onDamage?: 'refuse' | 'cut';
  readonly onEvent: EventListener;
}
