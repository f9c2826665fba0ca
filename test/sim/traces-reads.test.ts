/**
 * Goal: the executions in which somebody saw what was not committed, or took one write for another, are harmless.
 * Method: as in traces.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { isWalshipError } from '../../src/errors.ts';
import type { NodeApi, ReadResult, WriteResult } from '../../src/node/api/api.ts';
import { parseVersion, type Version } from '../../src/wal/format/position.ts';
import { LIMIT_MS, nodeOf, onCluster, promote, slowMeta, three } from './stage.ts';

const KEY = Buffer.from('k');

interface Failure {
  readonly code: string;
  readonly outcome: string | undefined;
  readonly version: Version | undefined;
}

function put(node: NodeApi, value: string, expectVersion?: Version): Promise<WriteResult> {
  return node.write({
    conditions: expectVersion === undefined ? [] : [{ key: KEY, expect: expectVersion }],
    ops: [{ op: 'put', key: KEY, value: Buffer.from(value) }],
    ack: 'quorum',
    timeoutMs: 2_000,
  });
}

function read(node: NodeApi, level: 'local' | 'linearizable' = 'local'): Promise<ReadResult> {
  return node.read({ key: KEY, level, timeoutMs: 3_000 });
}

function firstOf<T>(items: AsyncIterable<T>): Promise<IteratorResult<T>> {
  const iterator = items[Symbol.asyncIterator]();
  return iterator.next();
}

async function failureOf(call: Promise<unknown>): Promise<Failure> {
  const error = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!isWalshipError(error)) throw new Error(`it did not fail as it should: ${String(error)}`);
  const { code, outcome, details } = error;
  const version = parseVersion(String(details['version']));
  return { code, outcome, version };
}

describe('the traces of earlier rules are harmless:', () => {
  test('B1: a version that a failover replaced is never taken for the write at its LSN', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      await stage.write(n1, 'before');
      stage.separate(n1, n2);
      stage.separate(n1, n3);
      const indeterminate = await failureOf(put(nodeOf(n1), 'never committed'));
      expect(indeterminate).toMatchObject({ outcome: 'indeterminate' });
      const { version } = indeterminate;
      if (version === undefined) throw new Error('an indeterminate write without a version');
      await promote(stage, n2);
      for (const value of ['X', 'Y', 'Z']) await stage.write(n2, value);
      expect(nodeOf(n2).status().committedLsn).toBeGreaterThan(version.lsn);

      const node = nodeOf(n2);
      const timeoutMs = 1_000;
      const replaced = [
        node.wait({ version, level: 'committed', timeoutMs }),
        node.read({ key: KEY, level: 'local', minVersion: version, timeoutMs }),
        firstOf(node.watch({ after: version, signal: new AbortController().signal })),
      ];
      for (const call of replaced) expect((await failureOf(call)).code).toBe('LSN_REPLACED');
      const condition = await failureOf(put(node, 'on top of what never was', version));
      expect(['LSN_REPLACED', 'CONDITION_FAILED']).toContain(condition.code);

      await stage.settle();
    });
  });

  test('B2: of two writes on the same condition one happens, though neither is committed yet', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1] = three(machines);
      const { version } = await stage.write(n1, 'before');
      const results = await Promise.allSettled(
        ['a', 'b', 'c'].map((value) => put(nodeOf(n1), value, version)),
      );
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);

      await stage.settle();
    });
  });

  test('B2: a condition that failed on a write that is not committed is not answered before that is', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      const { version } = await stage.write(n1, 'before');
      stage.separate(n1, n2);
      stage.separate(n1, n3);
      const pending = failureOf(put(nodeOf(n1), 'never committed', version));
      const judged = failureOf(put(nodeOf(n1), 'too late', version));
      await promote(stage, n2);
      stage.cluster.network.heal();

      expect((await pending).outcome).toBe('indeterminate');
      expect((await judged).code).not.toBe('CONDITION_FAILED');
      // The write that the condition failed on is gone: it holds now.
      await stage.cluster.until('n1 to follow', LIMIT_MS, () => stage.cluster.isSettled);
      await put(nodeOf(n2), 'in time', version);
      await stage.settle();
    });
  });

  test('B2: a deposed leader that does not know it answers no failed condition', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      const before = await stage.write(n1, 'before');
      stage.separate(n1, n2);
      stage.separate(n1, n3);
      await promote(stage, n2);
      const { version } = await stage.write(n2, 'after');
      expect(nodeOf(n1).status()).toMatchObject({ role: 'leader', epoch: before.version.epoch });
      const answer = await failureOf(put(nodeOf(n1), 'on top of after', version));

      expect(answer.code).not.toBe('CONDITION_FAILED');
      await stage.settle();
    });
  });

  test('B2: a new leader judges by what it inherited, committed or not', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      const { version } = await stage.write(n1, 'before');
      // n3 gets the write, and n1 never hears of it.
      stage.separate(n1, n2);
      stage.cluster.network.cut('n3', 'n1');
      const pending = failureOf(put(nodeOf(n1), 'inherited'));
      const inherits = (): boolean => nodeOf(n3).status().durable.lsn > version.lsn;
      await stage.cluster.until('n3 to have it', LIMIT_MS, inherits);
      n1.kill();
      await promote(stage, n3);
      const judged = (): Promise<Failure> =>
        failureOf(put(nodeOf(n3), 'on top of before', version));
      let { code } = await judged();
      while (code === 'NO_QUORUM') {
        await stage.cluster.world.pass(0.2);
        ({ code } = await judged());
      }
      expect(code).toBe('CONDITION_FAILED');

      await stage.settle();
      expect((await read(nodeOf(n2))).found?.value.toString()).toBe('inherited');
      void pending;
    });
  });

  test('B4: nothing of a divergent tail is applied, whatever the new leader has committed', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      const { cluster } = stage;
      await stage.write(n1, 'before');
      stage.separate(n1, n2);
      stage.separate(n1, n3);
      for (let count = 0; count < 10; count += 1) {
        put(nodeOf(n1), `divergent ${count}`).catch(() => undefined);
      }
      await promote(stage, n2);
      for (let count = 0; count < 20; count += 1) await stage.write(n2, `committed ${count}`);
      // The cut takes long, and what the new leader says of its commits arrives meanwhile.
      slowMeta(n1, 200);
      cluster.network.heal();
      while (!cluster.isSettled) {
        cluster.checker.observe();
        const { found } = await read(nodeOf(n1));
        expect(found?.value.toString()).not.toContain('divergent');
        await cluster.world.pass(2);
      }
      n1.disk.healthy();
      n1.disk.slowness = 1;

      await stage.settle();
    });
  });

  test('B5: a leader that was paused proves itself anew before it answers, whatever acks have piled up', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2] = three(machines);
      const { cluster } = stage;
      await stage.write(n1, 'x=1');
      // Acks and probe answers of this write wait in the socket of the paused process.
      put(nodeOf(n1), 'x=1 again').catch(() => undefined);
      await cluster.world.pass(0.7);
      const { process } = n1;
      const answers: Promise<string>[] = [];
      const readAtWaking = (): void => {
        const answer = read(nodeOf(n1), 'linearizable');
        answers.push(answer.then(({ found }) => String(found?.value)).catch(() => 'none'));
      };
      process?.pause(30_000);
      // The first thing that it does when it wakes, and again when it has read its sockets.
      process?.after(0, readAtWaking);
      process?.after(29_999.5, readAtWaking);
      await promote(stage, n2);
      await stage.write(n2, 'x=2');
      await cluster.until('both reads', 60_000, () => answers.length === 2);

      expect(['none', 'x=2']).toEqual(expect.arrayContaining(await Promise.all(answers)));
      await stage.settle();
    });
  });
});
