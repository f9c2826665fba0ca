/**
 * Goal: a switchover hands the lead over without losing a write, or says what became of it.
 * Method: simulated clusters with writers that try again only what was certainly not written; the target dies, or is cut off, at every moment
 * of the change. The checker looks on all along.
 */
import { describe, expect, test } from 'vitest';
import { isWalshipError } from '../../src/errors.ts';
import type { NodeApi } from '../../src/node/api/api.ts';
import { openSimNode } from '../../src/sim/open-node.ts';
import { SimCluster, SimOperator } from '../../src/sim/sim-cluster.ts';
import type { SimWorld } from '../../src/sim/sim-world.ts';

const LIMIT_MS = 30_000;
/** Longer than any write may wait: a node that has not answered by then is dead. */
const PATIENCE_MS = 5_000;
const SHAPES = [
  { voters: 2, quorum: 2 },
  { voters: 3, quorum: 2 },
  { voters: 3, quorum: 3 },
  { voters: 5, quorum: 3 },
] as const;

interface Stage {
  readonly cluster: SimCluster;
  readonly load: Load;
}

/** A cluster that was just born, with n1 leading. */
async function onCluster(
  main: (stage: Stage) => Promise<void>,
  { seed = 1, voters = 3, quorum = 2 } = {},
): Promise<void> {
  const shape = { seed, voters, quorum, segmentBytes: 64 * 1024 };
  const cluster = new SimCluster({ ...shape, open: openSimNode });
  await cluster.run(async () => {
    for (const machine of cluster.machines) machine.start();
    await cluster.until('birth', LIMIT_MS, () => cluster.isSettled);
    await main({ cluster, load: new Load(cluster) });
    cluster.checker.observe();
  });
}

/** Five writers; what is rejected is written again, at the next node. */
class Load {
  acknowledged = 0;
  /** Codes of writes that failed, by outcome. */
  readonly rejected = new Set<string>();
  readonly indeterminate = new Set<string>();
  readonly #cluster: SimCluster;
  readonly #writers: readonly Promise<void>[];
  readonly #end = new AbortController();

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#writers = Array.from({ length: 5 }, (_, index) => this.#write(`w${index}`));
    for (const writer of this.#writers) {
      writer.catch((error: unknown) => cluster.fail(error));
    }
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#writers);
  }

  async #write(name: string): Promise<void> {
    const { world, machines, checker } = this.#cluster;
    let at = 0;
    for (let count = 1; !this.#end.signal.aborted; count += 1) {
      await world.pass(1);
      const node = machines[at % machines.length]?.node;
      const ops = [{ key: `${name}/${count % 7}`, value: `${name}-${count}` }];
      const after = checker.ackedLsn;
      const write = { ops, expect: undefined, ack: 'quorum' as const, after };
      try {
        if (node === undefined) throw new Error('it is down');
        checker.acknowledged(write, await answerOf(world, node.write(requestOf(ops))));
        this.acknowledged += 1;
      } catch (error) {
        at += 1;
        if (!isWalshipError(error)) continue;
        if (error.outcome === 'rejected') this.rejected.add(error.code);
        else this.indeterminate.add(error.code);
      }
    }
  }
}

/** Rejects where a node does not answer because it died. */
function answerOf<T>(world: SimWorld, call: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = world.clock.schedule(PATIENCE_MS, () => reject(new Error('it is dead')));
    call.then(resolve, reject).finally(cancel);
  });
}

function requestOf(
  ops: readonly { key: string; value: string }[],
): Parameters<NodeApi['write']>[0] {
  const puts = ops.map(({ key, value }) => ({
    op: 'put' as const,
    key: Buffer.from(key, 'latin1'),
    value: Buffer.from(value, 'latin1'),
  }));
  return { conditions: [], ops: puts, ack: 'quorum', timeoutMs: 2_000 };
}

function nodeOf(cluster: SimCluster, nodeId: string): NodeApi {
  const { node } = cluster.machine(nodeId);
  if (node === undefined) throw new Error(`${nodeId} does not run`);
  return node;
}

/** What became of it: the epoch that the target leads, or the code of the failure and the phase in which it failed. */
async function outcomeOf(switching: ReturnType<NodeApi['switchover']>): Promise<string> {
  try {
    const { to } = await switching;
    return `${to} leads`;
  } catch (error) {
    if (!isWalshipError(error)) throw error;
    const { phase } = error.details;
    return typeof phase === 'string' ? `${error.code} ${phase}` : error.code;
  }
}

/** Everything is mended, somebody leads, all logs are equal. */
async function settle(cluster: SimCluster): Promise<void> {
  cluster.network.heal();
  for (const machine of cluster.machines) machine.start();
  const operator = new SimOperator(cluster);
  operator.run().catch((error: unknown) => cluster.fail(error));
  await cluster.until('equal logs', LIMIT_MS, () => cluster.isSettled);
  operator.stop();
  await cluster.world.pass(2_000);
  cluster.checker.finish();
}

describe('a switchover', () => {
  test.for(SHAPES)('ten times under load, $voters voters and W=$quorum', async (shape) => {
    for (const seed of [1, 2, 3]) {
      await onCluster(
        async ({ cluster, load }) => {
          for (let round = 0; round < 10; round += 1) {
            const [from, to] = round % 2 === 0 ? (['n1', 'n2'] as const) : (['n2', 'n1'] as const);
            await cluster.world.pass(300);
            const before = load.acknowledged;
            const { outageMs } = await nodeOf(cluster, from).switchover({ to, timeoutMs: 5_000 });
            expect(outageMs).toBeLessThan(500);
            await cluster.until('writes', LIMIT_MS, () => load.acknowledged > before + 20);
          }
          await load.stop();
          expect([...load.indeterminate]).toEqual([]);
          expect(['NO_LEADER', 'BUSY']).toEqual(expect.arrayContaining([...load.rejected]));
          await settle(cluster);
        },
        { ...shape, seed },
      );
    }
  });

  test('is refused where the target may not lead, and nothing is held up', () =>
    onCluster(async ({ cluster, load }) => {
      const n1 = nodeOf(cluster, 'n1');
      const refusal = async (to: string): Promise<unknown> =>
        await n1.switchover({ to, timeoutMs: 1_000 }).catch((error: unknown) => error);
      const learner = cluster.learner('n4');
      learner.start();
      await cluster.until('n4', LIMIT_MS, () => learner.node?.status().notReady === null);
      cluster.machine('n3').kill();
      await cluster.world.pass(50);

      for (const to of ['n1', 'n3', 'n4', 'n9']) {
        expect(await refusal(to), to).toMatchObject({ code: 'NOT_ELIGIBLE' });
      }
      const atFollower = nodeOf(cluster, 'n2').switchover({ to: 'n1', timeoutMs: 1_000 });
      await expect(atFollower).rejects.toMatchObject({
        code: 'NO_LEADER',
        details: { leaderId: 'n1' },
      });

      cluster.checker.loses(cluster.machine('n3'));
      cluster.machine('n3').wipe();
      cluster.machine('n3').disk.slowness = 500;
      cluster.machine('n3').start();
      const blank = (): boolean =>
        n1.status().followers.some(({ nodeId, state }) => nodeId === 'n3' && state === 'blank');
      await cluster.until('a blank n3 in session', LIMIT_MS, blank);
      expect(await refusal('n3')).toMatchObject({
        code: 'NOT_ELIGIBLE',
        message: 'n3 is blank: it may lack records, and takes over once it has refetched them',
      });
      await load.stop();
      expect([...load.rejected].filter((code) => code !== 'NO_LEADER')).toEqual([]);
    }));

  test('whose target dies at any moment ends, and the cluster goes on', async () => {
    const outcomes = new Set<string>();
    for (let step = 0; step < 60; step += 1) {
      await onCluster(
        async ({ cluster, load }) => {
          await cluster.world.pass(200);
          const n2 = cluster.machine('n2');
          if (step % 3 === 0) n2.disk.slowness = 30;
          await cluster.world.pass(50);
          // Less than it takes until the old leader stands again, or more.
          const timeoutMs = step % 5 === 0 ? 500 : 1_500;
          const ending = outcomeOf(nodeOf(cluster, 'n1').switchover({ to: 'n2', timeoutMs }));
          await cluster.world.pass(step);
          if (step % 2 === 0) n2.kill();
          else n2.losePower();
          outcomes.add(await ending);
          await load.stop();
          await settle(cluster);
        },
        { seed: step + 1 },
      );
    }

    // Each way to end was seen.
    expect([...outcomes].toSorted()).toEqual([
      'SWITCHOVER_FAILED catching-up',
      'SWITCHOVER_FAILED deposed',
      'SWITCHOVER_UNKNOWN deposed',
      'SWITCHOVER_UNKNOWN told',
      'n2 leads',
    ]);
  });

  test('waits until what has an LSN is committed, so that no write is left open', () =>
    onCluster(
      async ({ cluster, load }) => {
        cluster.machine('n3').disk.slowness = 300;
        await cluster.world.pass(200);
        await nodeOf(cluster, 'n1').switchover({ to: 'n2', timeoutMs: 5_000 });
        await load.stop();

        expect([...load.indeterminate]).toEqual([]);
      },
      { voters: 3, quorum: 3 },
    ));

  test('that takes too long before the target was told changes nothing', () =>
    onCluster(async ({ cluster, load }) => {
      cluster.machine('n2').disk.slowness = 4_000;
      await cluster.world.pass(100);
      const n1 = nodeOf(cluster, 'n1');

      expect(await outcomeOf(n1.switchover({ to: 'n2', timeoutMs: 500 }))).toBe(
        'SWITCHOVER_FAILED catching-up',
      );
      expect(n1.status()).toMatchObject({ role: 'leader', epoch: 1 });
      const before = load.acknowledged;
      await cluster.until('writes', LIMIT_MS, () => load.acknowledged > before);
      await load.stop();
      expect([...load.indeterminate]).toEqual([]);
    }));

  test('that runs out of time after the target was told: without its promise the old leader writes on', () =>
    onCluster(async ({ cluster, load }) => {
      await cluster.world.pass(100);
      const n1 = nodeOf(cluster, 'n1');
      // What n2 is told arrives; what it then asks does not.
      const ending = outcomeOf(n1.switchover({ to: 'n2', timeoutMs: 500 }));
      await told(cluster);
      cluster.network.cut('n2', 'n1');
      cluster.network.cut('n2', 'n3');

      expect(await ending).toBe('SWITCHOVER_UNKNOWN told');
      expect(n1.status()).toMatchObject({ role: 'leader', epoch: 1 });
      const before = load.acknowledged;
      await cluster.until('writes', LIMIT_MS, () => load.acknowledged > before);
      await load.stop();
      await settle(cluster);
    }));

  test('whose target gets too few promises is declined by it, and the old leader writes on', () =>
    onCluster(
      async ({ cluster, load }) => {
        await cluster.world.pass(100);
        const n1 = nodeOf(cluster, 'n1');
        cluster.machine('n4').kill();
        cluster.machine('n5').kill();
        cluster.network.partition(['n2'], ['n3']);
        const switching = n1.switchover({ to: 'n2', timeoutMs: 10_000 });

        await expect(switching).rejects.toMatchObject({
          code: 'SWITCHOVER_FAILED',
          message: expect.stringContaining('n2 may not lead: NO_QUORUM'),
        });
        expect(n1.status()).toMatchObject({ role: 'leader', epoch: 1 });
        const before = load.acknowledged;
        await cluster.until('writes', LIMIT_MS, () => load.acknowledged > before);
        await load.stop();
        expect([...load.indeterminate]).toEqual([]);
        await settle(cluster);
      },
      { voters: 5, quorum: 3 },
    ));

  test('whose target hears of it too late is harmless: it does not lead where others have gone on', () =>
    onCluster(async ({ cluster, load }) => {
      await load.stop();
      await cluster.world.pass(100);
      const n1 = nodeOf(cluster, 'n1');
      // What n2 is told is under way for longer than the person waits.
      const ending = outcomeOf(n1.switchover({ to: 'n2', timeoutMs: 200 }));
      cluster.network.cut('n1', 'n2');
      expect(await ending).toBe('SWITCHOVER_UNKNOWN told');
      const written = await n1.write(requestOf([{ key: 'k', value: 'after' }]));
      expect(written.durableOn).toEqual(['n1', 'n3']);
      cluster.network.heal();

      // It stands, and is told by the others that they have more.
      await told(cluster);
      await cluster.world.pass(3_000);
      expect(n1.status()).toMatchObject({ role: 'leader', epoch: 1 });
      await settle(cluster);
    }));

  test('whose target hears of it too late leads where nobody has gone on, and the old leader follows', () =>
    onCluster(async ({ cluster, load }) => {
      await load.stop();
      await cluster.world.pass(100);
      const n1 = nodeOf(cluster, 'n1');
      const switching = n1.switchover({ to: 'n2', timeoutMs: 200 });
      cluster.network.cut('n1', 'n2');
      await expect(switching).rejects.toMatchObject({
        code: 'SWITCHOVER_UNKNOWN',
        message: expect.stringContaining('this node still leads, and n2 may still take over'),
      });
      cluster.network.heal();

      await cluster.until('n2', LIMIT_MS, () => nodeOf(cluster, 'n2').status().role === 'leader');
      await cluster.until('n1', LIMIT_MS, () => n1.status().leader?.nodeId === 'n2');
      await nodeOf(cluster, 'n2').write(requestOf([{ key: 'k', value: 'after' }]));
      await settle(cluster);
    }));

  test('is refused where the target is suspect, in words', () =>
    onCluster(async ({ cluster, load }) => {
      const n3 = cluster.machine('n3');
      await cluster.world.pass(300);
      n3.kill();
      cluster.checker.loses(n3);
      const first = n3.disk.paths().find((path) => path.endsWith('.wal')) ?? '';
      n3.disk.flip(first, 600, 4);
      n3.disk.slowness = 300;
      n3.start();
      const n1 = nodeOf(cluster, 'n1');
      const suspect = (): boolean =>
        n1.status().followers.some(({ nodeId, state }) => nodeId === 'n3' && state === 'suspect');
      await cluster.until('a suspect n3 in session', LIMIT_MS, suspect);

      await expect(n1.switchover({ to: 'n3', timeoutMs: 1_000 })).rejects.toMatchObject({
        code: 'NOT_ELIGIBLE',
        message: 'n3 is suspect: it may lack records, and takes over once it has refetched them',
      });
      n3.disk.slowness = 1;
      await load.stop();
      await settle(cluster);
    }));

  test('only one at a time, and a held write that waits too long is rejected', () =>
    onCluster(async ({ cluster, load }) => {
      await cluster.world.pass(100);
      cluster.machine('n2').disk.slowness = 4_000;
      await cluster.world.pass(50);
      await load.stop();
      const n1 = nodeOf(cluster, 'n1');
      const first = outcomeOf(n1.switchover({ to: 'n2', timeoutMs: 400 }));

      expect(await outcomeOf(n1.switchover({ to: 'n3', timeoutMs: 400 }))).toBe('BUSY');
      const held = n1.write({ ...requestOf([{ key: 'k', value: 'v' }]), timeoutMs: 100 });
      await expect(held).rejects.toMatchObject({ code: 'BUSY', outcome: 'rejected' });
      await first;
    }));
});

/** Resolves when n2 stands. */
async function told(cluster: SimCluster): Promise<void> {
  const { world } = cluster;
  while (nodeOf(cluster, 'n2').status().role !== 'candidate') await world.pass(0.05);
}
