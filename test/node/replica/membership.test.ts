import { describe, expect, test } from 'vitest';
import { checkConfig } from '../../../src/node/check-config.ts';
import { Membership } from '../../../src/node/replica/membership.ts';
import { ID, withReplica } from '../replica-fixture.ts';

const PEERS = ['n1', 'n2', 'n3'].map((nodeId) => ({ nodeId, address: `${nodeId}:1` }));

describe('the voters in force', () => {
  test('are those of the log, and follow what meta.json says while the node runs', () =>
    withReplica(async ({ replica }) => {
      const membership = new Membership(replica, { peers: PEERS, quorum: 2 });
      const before = membership.configHash;
      expect(membership.peers).toEqual(PEERS);
      expect(membership.quorums).toMatchObject({ voterCount: 3, quorum: 2 });

      await replica.updateMeta({ voters: ['n1', 'n3'], quorum: 1 });

      expect(membership.peers).toEqual([PEERS[0], PEERS[2]]);
      expect(membership.known).toEqual(PEERS);
      expect(membership.quorums).toMatchObject({ voterCount: 2, quorum: 1, promises: 2 });
      expect(membership.configHash).not.toBe(before);
    }));

  test('count a voter whose address nobody told this node', () =>
    withReplica(async ({ replica }) => {
      const membership = new Membership(replica, { peers: PEERS, quorum: 2 });
      await replica.updateMeta({ historyId: ID, voters: ['n1', 'n9'], quorum: 2 });

      expect(membership.peers.map(({ nodeId }) => nodeId)).toEqual(['n1', 'n9']);
      membership.learn({ nodeId: 'n9', address: 'n9:1' });
      expect(membership.peers[1]).toEqual({ nodeId: 'n9', address: 'n9:1' });
    }));

  test('are what a start has to name, and a refusal says so', () =>
    withReplica(async ({ replica }) => {
      expect(() => checkConfig(replica, PEERS, 2)).not.toThrow();
      await replica.updateMeta({ voters: ['n1', 'n3'], quorum: 2 });

      expect(() => checkConfig(replica, PEERS, 2)).toThrow(
        'start it with --peers n1=HOST:PORT,n3=HOST:PORT --quorum 2',
      );
    }));
});
