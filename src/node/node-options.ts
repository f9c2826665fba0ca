import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Dialer } from '../ports/link.ts';
import type { EventListener } from './api/events.ts';
import type { Peer } from './cluster/peers.ts';
import type { Timings } from './timings.ts';
import type { Failover } from './api/trigger.ts';

/** Ports and settings of a node. */
export interface NodeOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly dialer: Dialer;
  /** Path of the data directory. */
  readonly dir: string;
  readonly nodeId: string;
  /** Voters and their addresses; a node that is not among them is a learner. */
  readonly peers: readonly Peer[];
  /** Write quorum (W); a majority unless given. */
  readonly quorum?: number;
  /** Node id of the voter that stands first while all are blank; the first voter unless given. */
  readonly initialLeader?: string;
  readonly heartbeatMs?: number;
  /** Milliseconds of silence after which a peer is considered down. */
  readonly silenceMs?: number;
  readonly segmentBytes?: number;
  /** Failover mode; `manual` unless given. */
  readonly failover?: Failover;
  /** Bytes of log that are kept in memory for followers. */
  readonly recentBytesMax?: number;
  readonly onDamage?: 'refuse' | 'cut';
  readonly uncommittedBytesMax?: number;
  /** Bytes of log after the start of the newest snapshot before another one is taken. */
  readonly snapshotLogBytes?: number;
  /** Bytes of log that a leader keeps for a lagging voter; past it the voter gets a snapshot. */
  readonly retainBytesMax?: number;
  /** Bytes of sealed segments that are read again in a second; 0: none. */
  readonly scrubBytesPerSecond?: number;
  readonly onEvent?: EventListener;
  /** Receiver of measurements; nothing is measured without it. */
  readonly timings?: Timings;
}
