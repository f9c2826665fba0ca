/**
 * Goal: past missing answers there is one way, it says beforehand what it may lose, and it loses no more; two histories never mix; a node
 * gives up its own only where an operator says so, and then saves what it had first, forgets what it showed of it, and becomes like the others.
 * Method: staged on simulated clusters, with a checker for each history looking on; see src/sim/history-checker.ts. A rejoin is cut off by a
 * power loss at each of its disk operations.
 */
import { describe, expect, test } from 'vitest';
import { isWalshipError } from '../../src/errors.ts';
import { batchesOf } from '../../src/sim/log-image.ts';
import type { SimMachine } from '../../src/sim/sim-machine.ts';
import { bytesOf, Histories, savedOf, stateOf } from './histories.ts';
import { five, LIMIT_MS, nodeOf, onCluster, promote, slowMeta, three } from './stage.ts';
import type { Stage } from './stage.ts';

/** How long nodes are left alone to see that nothing happens. */
const ALONE_MS = 4_000;

async function refusalOf(attempt: Promise<unknown>): Promise<unknown> {
  try {
    await attempt;
  } catch (error) {
    return isWalshipError(error) ? (error.details['reason'] ?? error.code) : error;
  }
  return 'it was done';
}

describe('an old leader', () => {
  test('that has what its successor lacks saves it, cuts it and follows by itself', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      await stage.write(n1, 'before');
      stage.separate(n1, n2);
      stage.separate(n1, n3);
      stage.write(n1, 'alone', 300).catch(() => undefined);
      await promote(stage, n3);
      await stage.write(n3, 'after');
      const before = n1.node?.status().durable.lsn ?? 0;

      await stage.settle();

      expect(savedOf(n1).length).toBe(before > 2 ? 2 : 0);
      expect(savedOf(n3)).toEqual([]);
    });
  });
});

describe('a forced failover', () => {
  test('is refused where a leader lives, where a promotion would do, where the node is blank, and where another one has more', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      const histories = new Histories(stage, machines);
      const dry = { acceptDataLoss: false };
      expect(await refusalOf(nodeOf(n1).failover(dry))).toBe('LEADER_LIVES');
      n3.kill();
      await histories.write(n1);
      n1.kill();
      await stage.restart(n3);
      const forced = nodeOf(n3).failover({ acceptDataLoss: true });
      expect(await refusalOf(forced)).toBe('VOTER_AHEAD');
      expect(await refusalOf(nodeOf(n2).failover(dry))).toBe('PROMOTE_WOULD_DO');
      n2.kill();
      stage.wipe(n3);
      await stage.restart(n3);
      expect(await refusalOf(nodeOf(n3).failover(dry))).toBe('CANDIDATE_BLANK');

      await stage.settle();
    });
  });

  test('with one of three left says what may be lost, and goes on alone', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      const histories = new Histories(stage, machines);
      await histories.write(n1, 'a');
      stage.separate(n1, n3);
      stage.separate(n2, n3);
      const lost = await histories.write(n1, 'b');
      n1.losePower();
      n2.losePower();
      await expect(nodeOf(n3).promote()).rejects.toMatchObject({ code: 'NO_QUORUM' });
      const foreseen = await nodeOf(n3).failover({ acceptDataLoss: false });
      expect(foreseen).toMatchObject({ done: false, voters: ['n3'], quorum: 1, historyId: null });
      expect(foreseen.risk.some).toBe(true);
      expect(foreseen.missing.map(({ nodeId }) => nodeId)).toEqual(['n1', 'n2']);
      expect(n3.node?.status().role).toBe('follower');

      const done = await histories.force(n3);
      expect(done).toMatchObject({ done: true, voters: ['n3'], quorum: 1, notLeading: null });
      await histories.write(n3, 'c');

      // The others belong to the old history, and stay there until somebody says otherwise.
      stage.cluster.network.heal();
      await stage.restart(n2);
      await stage.cluster.world.pass(ALONE_MS);
      expect(n2.node?.status().historyId).toBe(done.previousHistoryId);
      expect(bytesOf(n2).includes(lost)).toBe(true);
      await histories.rejoin(n2);
      await histories.write(n3, 'd');
      await histories.equal(n3, [n2]);
      expect(savedOf(n2).length).toBeGreaterThan(0);

      // From here on a start has to name the voters that are left.
      n2.kill();
      n2.start();
      await stage.cluster.until('a refused start', LIMIT_MS, () => !n2.isUp);
      expect(n2.failure).toMatchObject({ code: 'CONFIG_MISMATCH' });
      n2.reconfigure({ peers: [{ nodeId: 'n3', address: 'n3' }], quorum: 1 });
      await stage.restart(n2);
      await histories.write(n3, 'e');
      await histories.equal(n3, [n2]);
    });
  });

  test('of nodes that had heard of commits above their own logs commits nothing early', async () => {
    await onCluster({ voters: 5, quorum: 3 }, async (stage, machines) => {
      const [n1, n2, n3, n4, n5] = five(machines);
      const histories = new Histories(stage, machines);
      for (const behind of [n4, n5]) behind.losePower();
      for (let round = 0; round < 60; round += 1) await histories.write(n1, 'far', 8 * 1024);
      // They follow, hear how far the others are, and get no further themselves: their disks are slow.
      for (const behind of [n4, n5]) {
        behind.disk.slowness = 500;
        behind.start();
      }
      const endOf = ({ node }: SimMachine): number => node?.status().durable.lsn ?? 0;
      const heardOf = ({ node }: SimMachine): boolean =>
        (node?.status().committedLsn ?? 0) > (node?.status().durable.lsn ?? 0);
      await stage.cluster.until('word of commits', LIMIT_MS, () => heardOf(n4) || heardOf(n5));
      for (const gone of [n1, n2, n3]) gone.kill();
      for (const behind of [n4, n5]) behind.disk.slowness = 1;
      await stage.cluster.until('n4 and n5', LIMIT_MS, () => {
        return n4.node !== undefined && n5.node !== undefined;
      });

      // What was on its way to a slow disk arrives, and may be more on one of them.
      await stage.cluster.world.pass(5_000);
      const [ahead, other] = endOf(n4) >= endOf(n5) ? [n4, n5] : [n5, n4];
      const done = await histories.force(ahead);

      expect(done.voters).toEqual(['n4', 'n5']);
      const { durable, committedLsn } = nodeOf(ahead).status();
      expect(committedLsn).toBeLessThanOrEqual(durable.lsn);
      await histories.write(ahead, 'after');
      await histories.equal(ahead, [other]);
    });
  });

  test('takes along those that answer, blank ones too, and they count as soon as they have the log', async () => {
    await onCluster({ voters: 5, quorum: 3 }, async (stage, machines) => {
      const [n1, n2, n3, n4, n5] = machines as [
        SimMachine,
        SimMachine,
        SimMachine,
        SimMachine,
        SimMachine,
      ];
      const histories = new Histories(stage, machines);
      await histories.write(n1);
      n4.losePower();
      n5.losePower();
      stage.wipe(n3);
      await stage.restart(n3);
      n2.kill();
      await stage.restart(n2);
      n1.kill();

      const done = await histories.force(n2);

      expect(done.voters).toEqual(['n2', 'n3']);
      await histories.write(n2);
      await histories.equal(n2, [n3]);
      await stage.cluster.until(
        'n3 to be intact',
        LIMIT_MS,
        () => n3.node?.status().state === 'intact',
      );
      expect(n3.node?.status()).toMatchObject({ quorum: 2 });
    });
  });

  test('A9: on both sides of a partition makes two histories that never mix, until one is given up', async () => {
    await onCluster({ voters: 5, quorum: 3 }, async (stage, machines) => {
      const [n1, n2, n3, n4, n5] = machines as [
        SimMachine,
        SimMachine,
        SimMachine,
        SimMachine,
        SimMachine,
      ];
      const histories = new Histories(stage, machines);
      await histories.write(n1, 'shared');
      n5.losePower();
      stage.cluster.network.partition(['n1', 'n2'], ['n3', 'n4']);

      const left = await histories.force(n1);
      const right = await histories.force(n3);
      expect([left.voters, right.voters]).toEqual([
        ['n1', 'n2'],
        ['n3', 'n4'],
      ]);
      for (let round = 0; round < 5; round += 1) {
        await histories.write(n1, `left ${round}`);
        await histories.write(n3, `right ${round}`);
      }
      stage.cluster.network.heal();
      await stage.cluster.world.pass(ALONE_MS);
      await histories.write(n1, 'left');
      await histories.write(n3, 'right');
      await histories.equal(n1, [n2]);
      await histories.equal(n3, [n4]);
      expect(n1.node?.status().historyId).toBe(left.historyId);
      expect(n3.node?.status().historyId).toBe(right.historyId);

      for (const machine of [n2, n1]) await histories.rejoin(machine);
      await histories.write(n3, 'healed');
      await histories.equal(n3, [n4, n1, n2]);
      expect((await stateOf(nodeOf(n1))).join()).not.toContain('left');
      for (const machine of [n1, n2]) expect(savedOf(machine).length).toBeGreaterThan(0);
    });
  });
});

/** W = 1: n1 acknowledges and applies what nobody else has; n2 and n3 go on without it, by force. */
async function withAppliedTail(
  stage: Stage,
  machines: readonly SimMachine[],
  alone: (histories: Histories) => Promise<void> = () => Promise.resolve(),
): Promise<Histories> {
  const [n1, n2, n3] = three(machines);
  const histories = new Histories(stage, machines);
  await histories.write(n1, 'shared');
  await histories.equal(n1, [n2, n3]);
  stage.separate(n1, n2);
  stage.separate(n1, n3);
  for (let round = 0; round < 3; round += 1) await histories.write(n1, `alone ${round}`);
  await histories.write(n1, 'shared');
  await alone(histories);
  await histories.force(n2);
  await histories.write(n2, 'shared');
  stage.cluster.network.heal();
  return histories;
}

describe('a rejoin that discards', () => {
  test('takes back what was applied of the tail, and shows nothing in between', async () => {
    await onCluster({ voters: 3, quorum: 1 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      const histories = await withAppliedTail(stage, machines);
      expect((await stateOf(nodeOf(n1))).length).toBe(4);
      const after = nodeOf(n1).status().applied;
      const watching = new AbortController();
      const watched = nodeOf(n1).watch({ after, signal: watching.signal })[Symbol.asyncIterator]();
      await watched.next();
      const ended = watched.next().then(
        () => 'more',
        (error: unknown) => (isWalshipError(error) ? error.code : 'unknown'),
      );

      await histories.rejoin(n1);

      expect(await ended).toBe('LSN_REPLACED');
      watching.abort();
      await histories.equal(n2, [n1, n3]);
      expect((await stateOf(nodeOf(n1))).length).toBe(1);
      expect(savedOf(n1).length).toBeGreaterThan(0);
      await expect(
        nodeOf(n1).wait({ version: after, level: 'applied', timeoutMs: 500 }),
      ).rejects.toMatchObject({ code: 'LSN_REPLACED' });
    });
  });

  test('that loses power at any disk operation is finished, or begun again, and loses nothing of the tail', async () => {
    let crashes = 0;
    for (let operation = 1; ; operation += 1) {
      const state = { crashed: false };
      await onCluster(
        { voters: 3, quorum: 1 },
        async (stage, machines) => {
          const [n1, n2, n3] = three(machines);
          const histories = await withAppliedTail(stage, machines);
          const tail = bytesOf(n1);
          n1.disk.crashAt(n1.disk.operations + operation);
          const over = { is: false };
          nodeOf(n1)
            .rejoin({ discard: true, timeoutMs: 5_000 })
            .then(
              () => (over.is = true),
              () => (over.is = true),
            );
          await stage.cluster.until('the end', LIMIT_MS, () => over.is || !n1.isUp);
          state.crashed = !n1.isUp;
          n1.disk.healthy();
          if (state.crashed) await begunAgain(stage, n1);
          if (n1.node?.status().historyId !== n2.node?.status().historyId) {
            await histories.rejoin(n1);
          }
          await histories.write(n2, 'after');
          await histories.equal(n2, [n1, n3]);
          expect(
            savedBytes(n1).every((bytes) => tail.includes(bytes)),
            'the tail is saved',
          ).toBe(true);
          expect(savedBytes(n1).length).toBeGreaterThan(0);
        },
        [operation],
      );
      if (!state.crashed) break;
      crashes += 1;
    }
    expect(crashes).toBeGreaterThan(20);
  });
});

describe('a rejoin that discards and takes longer than the person waits', () => {
  test.each([2_500, 6_000])(
    'is not said to be refused once the node has begun to enter (%i)',
    async (slowness) => {
      await onCluster({ voters: 3, quorum: 1 }, async (stage, machines) => {
        const [n1, n2, n3] = three(machines);
        const histories = await withAppliedTail(stage, machines);
        const before = nodeOf(n1).status().historyId;
        // The word that it leaves takes longer to write than the person waits.
        slowMeta(n1, slowness);
        const saying = nodeOf(n1)
          .rejoin({ discard: true, timeoutMs: 2_000 })
          .then(
            (result) => `entered ${result.historyId}`,
            (error: unknown) => (isWalshipError(error) ? error.code : 'unknown'),
          );
        await stage.cluster.until('n1 to enter', LIMIT_MS, () => {
          return nodeOf(n1).status().historyId !== before;
        });
        slowMeta(n1, 1);
        const said = await saying;
        const { historyId } = nodeOf(n1).status();
        expect(said).toBe(slowness < 4_000 ? `entered ${historyId}` : 'REJOIN_UNFINISHED');

        await histories.write(n2, 'after');
        await histories.equal(n2, [n1, n3]);
      });
    },
  );
});

describe('a new leader', () => {
  test('foretells nothing of a voter that it has not heard of', async () => {
    const shape = {
      voters: 3,
      quorum: 2,
      retention: { snapshotLogBytes: 1e9, retainBytesMax: 40_000 },
    };
    await onCluster(shape, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      for (let index = 0; index < 60; index += 1) await stage.write(n1, 'x'.repeat(1_000));
      await stage.cluster.until('n3', LIMIT_MS, () => stage.cluster.isSettled);
      n3.kill();
      n1.kill();
      await stage.restart(n1);
      await promote(stage, n2);

      const { followers, why } = nodeOf(n2).status();
      // Its log is whole: n3 needs a few records of it.
      expect(followers.find(({ nodeId }) => nodeId === 'n3')?.retention).toBeUndefined();
      expect(why.map(({ code }) => code)).not.toContain('SNAPSHOT_NEEDED');
      await stage.settle();
    });
  });
});

/** Everything that is written is a few times this. */
const RETENTION = { snapshotLogBytes: 30_000, retainBytesMax: 40_000 };

/** Writes values that take each other's place, until log is purged and each snapshot holds some of them. */
async function outgrow(histories: Histories, machine: SimMachine, name: string): Promise<void> {
  for (let round = 0; nodeOf(machine).status().log.firstLsn < 8; round += 1) {
    const fill = 'x'.repeat(9_000);
    for (let index = 0; index < 6; index += 1) {
      await histories.write(machine, `${name} ${index} ${fill.slice(0, 3_000)}`);
    }
    await histories.stage.cluster.world.pass(300);
    if (round > 40) throw new Error('nothing is purged');
  }
}

describe('a rejoin that discards, of a log that was purged above the fork', () => {
  test.each(['what the leader still has', 'what the leader has purged too'])(
    'comes over by snapshot, from %s',
    async (what) => {
      const shape = { voters: 3, quorum: 1, retention: RETENTION };
      await onCluster(shape, async (stage, machines) => {
        const [n1, n2, n3] = three(machines);
        const histories = await withAppliedTail(stage, machines, async (made) => {
          await outgrow(made, n1, 'alone');
        });
        if (what !== 'what the leader still has') await outgrow(histories, n2, 'new');
        const before = nodeOf(n1).status().log;
        expect(before.firstLsn).toBeGreaterThan(7);

        await histories.rejoin(n1);

        await histories.write(n2, 'after');
        await stage.cluster.until('the end of the log', LIMIT_MS, () =>
          [n1, n3].every(
            ({ node }) => node?.status().applied.lsn === n2.node?.status().durable.lsn,
          ),
        );
        histories.checker.observe();
        const state = await stateOf(nodeOf(n2));
        expect(state.some((key) => key.includes('alone'))).toBe(false);
        expect(await stateOf(nodeOf(n1))).toEqual(state);
        expect(savedOf(n1).length).toBeGreaterThan(0);
        // What it begins from at its next start is of its new history too.
        n1.kill();
        await begunAgain(stage, n1);
        await histories.write(n2, 'after that');
        await stage.cluster.until('the end of the log', LIMIT_MS, () =>
          [n1].every(({ node }) => node?.status().applied.lsn === n2.node?.status().durable.lsn),
        );
        expect(await stateOf(nodeOf(n1))).toEqual(await stateOf(nodeOf(n2)));
      });
    },
  );
});

/** Starts it with the voters of either history: which one it is in, the crash decided. */
async function begunAgain({ cluster }: Stage, machine: SimMachine): Promise<void> {
  const all = ['n1', 'n2', 'n3'].map((nodeId) => ({ nodeId, address: nodeId }));
  for (const config of [
    { peers: all, quorum: 1 },
    { peers: all.slice(1), quorum: 2 },
  ]) {
    machine.reconfigure(config);
    machine.start();
    await cluster.until('a start', LIMIT_MS, () => machine.node !== undefined || !machine.isUp);
    if (machine.node !== undefined) return;
    expect(machine.failure).toMatchObject({ code: 'CONFIG_MISMATCH' });
  }
  throw new Error('it starts in no history');
}

/** The records of each saved segment. */
/** What was saved, batch by batch. */
function savedBytes(machine: SimMachine): readonly Buffer[] {
  return savedOf(machine)
    .filter((path) => path.endsWith('.wal'))
    .flatMap((path) => batchesOf(machine.disk.contentOf(path) ?? Buffer.alloc(64)))
    .map(({ bytes }) => bytes);
}
