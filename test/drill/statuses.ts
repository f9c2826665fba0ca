import type { NodeStatus } from '../../src/node/api/api.ts';

/** The status of a healthy follower in a cluster of three, with what differs. */
export function statusOf(nodeId: string, more: Partial<NodeStatus> = {}): NodeStatus {
  const position = { epoch: 1, lsn: 10, chain: 7 };
  return {
    nodeId,
    clusterId: 'c',
    historyId: 'h',
    role: 'follower',
    state: 'intact',
    epoch: 1,
    leader: { nodeId: 'n1', address: '127.0.0.1:1' },
    voters: ['n1', 'n2', 'n3'].map((id) => ({ nodeId: id, address: '127.0.0.1:1' })),
    quorum: 2,
    failover: 'manual',
    received: position,
    durable: position,
    committedLsn: 10,
    applied: { epoch: 1, lsn: 10 },
    promise: { epoch: 1, candidate: 'n1' },
    keys: 1,
    uncommittedBytes: 0,
    leadership: null,
    followers: [],
    log: { firstLsn: 1, bytes: 1, snapshotLsn: 0, holds: [] },
    notReady: null,
    commitWaits: null,
    why: [],
    mayNotLead: null,
    warnings: [],
    contract: [],
    uptimeMs: 1,
    counters: {},
    ...more,
  };
}
