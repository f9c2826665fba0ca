import { Leader } from '../../leader/leader.ts';
import type { LeaderHooks } from '../../leader/leader-options.ts';
import type { AttemptResult } from './attempt.ts';
import type { RoleOptions } from './role-options.ts';
import { identify } from '../cluster/peers.ts';
import { Overlay } from '../../store/overlay.ts';
import type { Replica } from '../replica/replica.ts';

export type WonAttempt = AttemptResult & { readonly kind: 'won' };

/** A leadership whose EPOCH record is in the log, not yet durable. */
export interface NewLeadership {
  readonly clusterId: string;
  readonly historyId: string;
  readonly ownEpochLsn: number;
  readonly inherited: Overlay;
}

/**
 * Writes the EPOCH record, at birth with newly made ids, and calls `lead` in the same turn: a fence that goes up in
 * between would find no leader to end. Resolves with false if a higher epoch was promised before, or if this node
 * ends.
 * @throws WalshipError DISK_FULL, DISK_FAILED, NODE_CLOSED.
 */
export async function beginLeading(
  options: RoleOptions,
  won: WonAttempt,
  hooks: { readonly isOver: () => boolean; readonly lead: (begun: NewLeadership) => void },
): Promise<boolean> {
  const { replica, membership, entropy, clock } = options;
  const { peers, quorums } = membership;
  const { epoch } = won;
  const { clusterId, historyId } = won.identity ?? {
    clusterId: entropy.bytes(16).toString('hex'),
    historyId: entropy.bytes(16).toString('hex'),
  };
  const voters = peers.map(({ nodeId }) => nodeId);
  if (replica.log.identity === undefined) {
    await replica.updateMeta({ clusterId, historyId, voters, quorum: quorums.quorum });
    await replica.log.begin({ clusterId, historyId });
  }
  await replica.log.drained();
  const inherited = await inheritedWrites(replica);
  if (replica.fence !== epoch || hooks.isOver()) return false;
  const ownEpochLsn = replica.log.lead(
    { epoch, leader: replica.nodeId, historyId, voters, quorum: quorums.quorum },
    () => ({ commitLsn: replica.committedLsn, wallMs: clock.wallMs() }),
  );
  hooks.lead({ clusterId, historyId, ownEpochLsn, inherited });
  return true;
}

/** Creates the leader of a leadership that has begun. `ended` is called in the turn in which it ends. */
export function newLeader(
  options: RoleOptions,
  { won, begun, ended }: { won: WonAttempt; begun: NewLeadership; ended: LeaderHooks['ended'] },
): Leader {
  const { replica, clock, membership, heartbeatMs, silenceMs } = options;
  const { peers, quorums, configHash } = membership;
  const { dialer, snapshots, onEvent, onPeerFault, onProgress } = options;
  return new Leader({
    log: replica.log,
    clock,
    nodeId: replica.nodeId,
    clusterId: begun.clusterId,
    historyId: begun.historyId,
    epoch: won.epoch,
    attempt: won.attempt,
    ownEpochLsn: begun.ownEpochLsn,
    voters: peers.map(({ nodeId }) => nodeId),
    quorum: quorums.quorum,
    proofVoters: quorums.proof,
    configHash,
    retainBytesMax: options.retainBytesMax,
    allConfirmed: won.allConfirmed,
    heartbeatMs,
    silenceMs,
    hooks: {
      state: () => replica.state,
      committedLsn: () => replica.committedLsn,
      commit: (lsn) => replica.learnCommitted(lsn),
      progressed: onProgress,
      offer: () => snapshots.offer(),
      refused: (path) => snapshots.refused(path),
      identityAt: async (nodeId) => {
        const peer = peers.find((candidate) => candidate.nodeId === nodeId);
        const found =
          peer === undefined ? undefined : await identify({ dialer, clock }, peer.address);
        return found?.nodeId === nodeId ? found : undefined;
      },
      ended,
      warn: (code, message) => onEvent({ level: 'warn', code, message }),
      fault: onPeerFault,
    },
  });
}

/**
 * Makes the candidate of a birth intact, with its EPOCH record: never before, or a crash in between would leave no
 * node that may lead.
 */
export async function becomeIntactAtBirth({ replica }: RoleOptions, leader: Leader): Promise<void> {
  if (replica.state !== 'blank') return;
  await replica.log.drained();
  if (replica.log.durable.lsn < leader.ownEpochLsn) return;
  await replica.updateMeta({ state: 'intact' });
  leader.advance();
}

/** Number of records read in one turn of the event loop. */
const TURN_RECORDS = 1_024;

/**
 * Returns the writes in the log that are not applied yet: a new leader inherits them and may still see them
 * committed. All that is known to be committed is applied before it resolves, so the rest is bounded by the limit on
 * uncommitted bytes.
 */
async function inheritedWrites(replica: Replica): Promise<Overlay> {
  await replica.caughtUp();
  const overlay = new Overlay();
  let count = 0;
  for await (const { lsn, op, key } of replica.log.read({ from: replica.applier.settledLsn + 1 })) {
    overlay.note(lsn, op, key);
    count += 1;
    if (count % TURN_RECORDS === 0) await replica.place.turns.next();
  }
  return overlay;
}
