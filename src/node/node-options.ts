import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Dialer } from '../ports/link.ts';
import type { EventListener } from './api/events.ts';
import type { Peer } from './cluster/peers.ts';
import type { Timings } from './timings.ts';
import type { Failover } from './api/trigger.ts';

/** What a node is made of. */
export interface NodeOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly dialer: Dialer;
  /** The data directory. */
  readonly dir: string;
  readonly nodeId: string;
  /** The voters and where they are reached; a node that is not among them is a learner. */
  readonly peers: readonly Peer[];
  /** W; a majority unless given. */
  readonly quorum?: number;
  /** Stands first while all are blank; the first voter unless given. */
  readonly initialLeader?: string;
  readonly heartbeatMs?: number;
  /** After so much silence a peer counts as gone. */
  readonly silenceMs?: number;
  readonly segmentBytes?: number;
  /** Who decides when this node tries to lead; `manual` unless given. */
  readonly failover?: Failover;
  /** Log that is kept in memory for followers. */
  readonly recentBytesMax?: number;
  readonly onDamage?: 'refuse' | 'cut';
  readonly uncommittedBytesMax?: number;
  /** Log behind the start of the newest snapshot before another one is taken. */
  readonly snapshotLogBytes?: number;
  /** Log that a leader keeps for a voter that lags; past it that one gets a snapshot. */
  readonly retainBytesMax?: number;
  /** Bytes of sealed segments that are read again in a second; 0: none. */
  readonly scrubBytesPerSecond?: number;
  readonly onEvent?: EventListener;
  /** Takes what is measured; nothing is measured without it. */
  readonly timings?: Timings;
}
