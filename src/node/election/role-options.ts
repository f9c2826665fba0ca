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

export interface RoleOptions {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly dialer: Dialer;
  /** Voters, this node among them unless it is a learner, and W. */
  readonly membership: Membership;
  /** Node id of the voter that stands first while all are blank. */
  readonly initialLeader: string;
  readonly heartbeatMs: number;
  readonly silenceMs: number;
  /** Decides when this node tries to lead. */
  readonly trigger: Trigger;
  /** Bytes of log that are kept for a lagging voter. */
  readonly retainBytesMax: number;
  /** Snapshots for followers that the log does not reach back to. */
  readonly snapshots: Pick<LeaderHooks, 'offer' | 'refused'> & Pick<Snapshotter, 'partial'>;
  readonly run: string;
  readonly onEvent: EventListener;
  /** Reports a message of a peer that breaks the protocol. */
  readonly onPeerFault: (fault: PeerFault) => void;
  /** Called in the turn in which the leadership begins. */
  readonly onLeading: (leader: Leader, inherited: Overlay) => void;
  /** Called when a follower of this leader has progressed. */
  readonly onProgress: () => void;
  readonly onLeaderEnded: (code: string, message: string) => void;
}
