import type { Clock } from '../../ports/clock.ts';
import type { Entropy } from '../../ports/entropy.ts';
import type { Dialer } from '../../ports/link.ts';
import type { Leader } from '../../leader/leader.ts';
import type { LeaderHooks } from '../../leader/leader-options.ts';
import type { EventListener } from '../api/events.ts';
import type { PeerFault } from '../cluster/peer-faults.ts';
import type { Membership } from '../replica/membership.ts';
import type { Overlay } from '../../store/overlay.ts';
import type { Replica } from '../replica/replica.ts';
import type { Snapshotter } from '../replica/snapshotter.ts';
import type { Trigger } from '../api/trigger.ts';

export interface LifeOptions {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly dialer: Dialer;
  /** The voters, this node among them unless it is a learner, and W. */
  readonly membership: Membership;
  /** Stands first while all are blank. */
  readonly initialLeader: string;
  readonly heartbeatMs: number;
  readonly silenceMs: number;
  /** Says when this node tries to lead. */
  readonly trigger: Trigger;
  /** Log that is kept for a voter that lags. */
  readonly retainBytesMax: number;
  /** For followers that the log does not reach back to. */
  readonly snapshots: Pick<LeaderHooks, 'offer' | 'refused'> & Pick<Snapshotter, 'partial'>;
  readonly run: string;
  readonly onEvent: EventListener;
  /** A peer said what no peer may say. */
  readonly onPeerFault: (fault: PeerFault) => void;
  /** In the turn in which it happens. */
  readonly onLeading: (leader: Leader, inherited: Overlay) => void;
  /** A follower of this leader is further. */
  readonly onProgress: () => void;
  readonly onLeaderEnded: (code: string, message: string) => void;
}
