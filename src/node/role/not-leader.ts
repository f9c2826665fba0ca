import { WalshipError } from '../../errors.ts';
import type { Answer } from '../../protocol/messages.ts';
import type { Peer } from '../cluster/peers.ts';
import type { Replica } from '../replica/replica.ts';

/** Creates the answer to a hello of a node that does not lead, with the name of the leader, if known. */
export function notLeader(replica: Replica, leader: Peer | undefined): Answer {
  return {
    kind: 'answer',
    verdict: 'refuse',
    code: 'NOT_LEADER',
    message: leader === undefined ? 'this node knows of no leader' : `${leader.nodeId} leads`,
    epoch: replica.fence,
    leader: leader?.nodeId ?? null,
    clusterId: replica.meta.current.clusterId,
    historyId: replica.meta.current.historyId,
    at: { epoch: 0, lsn: 0, chain: 0 },
    commitLsn: 0,
    config: null,
  };
}

/** Creates the refusal of a request that only a leader can serve, with the address of the leader, where it is known. */
export function noLeader(leader: Peer | undefined): WalshipError {
  const where = leader === undefined ? 'and knows of no leader' : `${leader.nodeId} does`;
  return new WalshipError('NO_LEADER', `this node does not lead, ${where}`, {
    outcome: 'rejected',
    details: {
      leader: leader?.address ?? null,
      leaderId: leader?.nodeId ?? null,
      ...(leader === undefined ? {} : { hint: `ask ${leader.nodeId}, at ${leader.address}` }),
    },
  });
}
