/**
 * Goal: the checker believes an ack only where enough platters hold what was acknowledged, whether or not anybody lives to confirm it.
 * Method: logs put on simulated disks, and nodes that say what the test wants.
 */
import { describe, expect, test } from 'vitest';
import type { NodeStatus } from '../../src/node/api/api.ts';
import { type CheckedMachine, ClusterChecker } from '../../src/sim/cluster-checker.ts';
import { SimProcess } from '../../src/sim/sim-clock.ts';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import { SimWorld } from '../../src/sim/sim-world.ts';
import { encodeMessage } from '../../src/protocol/codec.ts';
import { BLANK_META, encodeMeta } from '../../src/wal/files/meta.ts';
import { encodeRecord, OP } from '../../src/wal/format/record.ts';
import { segmentName } from '../../src/wal/format/segment.ts';
import { firstBlock } from '../../src/wal/format/segment-copy.ts';
import { SALT, writesOf } from '../wal/fixture.ts';

const SEGMENT = `/data/wal/${segmentName(1)}`;
const FILL = Buffer.alloc(4096, 0xa7);

interface Machine extends CheckedMachine {
  node: { status(): NodeStatus } | undefined;
}

function machines(count: number): Machine[] {
  return Array.from({ length: count }, (_, index) => ({
    nodeId: `n${index + 1}`,
    disk: new SimDisk({ seed: index }),
    lives: 1,
    node: undefined,
  }));
}

/** A segment with one batch for each value, all of key `k`. */
function log(epoch: number, ...values: string[]): Buffer {
  const header = { clusterId: '0'.repeat(32), baseLsn: 1, epoch: 0, chain: 0, salt: SALT };
  const bytes = Buffer.alloc(64 * 1024);
  const writes: Buffer[] = [];
  let end = 0;
  for (const [index, text] of values.entries()) {
    const start = end;
    const lsn = index + 1;
    const value = Buffer.from(text);
    end = encodeRecord(bytes, end, { lsn, op: OP.PUT, key: Buffer.from('k'), value });
    const seal = Buffer.alloc(32);
    seal.writeBigUInt64BE(BigInt(epoch));
    end = encodeRecord(bytes, end, { lsn, op: OP.SEAL, key: Buffer.alloc(0), value: seal });
    writes.push(bytes.subarray(start, end));
  }
  return Buffer.concat([firstBlock(header), writesOf(writes), FILL]);
}

/** Puts a log there that is only in the page cache. */
async function cache(disk: SimDisk, bytes: Buffer): Promise<void> {
  const world = new SimWorld(1);
  const mount = disk.mount(new SimProcess(world.clock));
  disk.put(SEGMENT, FILL);
  await world.run(
    mount.open(SEGMENT, 'write').then(async (file) => {
      await file.write(bytes, 0);
      await file.close();
    }),
  );
}

const write = {
  ops: [{ key: 'k', value: 'b' }],
  expect: undefined,
  ack: 'quorum',
  after: 0,
} as const;
const result = { version: { epoch: 1, lsn: 2 }, ack: 'quorum', durableOn: [] } as const;

describe('an ack whose leader died in the very turn of it', () => {
  test('is believed where W platters hold the batch, and is committed from then on', () => {
    const [n1, n2, n3] = machines(3) as [Machine, Machine, Machine];
    n1.disk.put(SEGMENT, log(1, 'a', 'b', 'c'));
    n3.disk.put(SEGMENT, log(1, 'a', 'b'));
    const checker = new ClusterChecker([n1, n2, n3], 2);
    checker.acknowledged(write, result);

    expect([checker.golden.end, checker.ackedLsn]).toEqual([2, 2]);
    expect(() => checker.acknowledged({ ...write, ack: 'all' }, result)).toThrow('needs 3');
  });

  test('breaks a promise where fewer platters hold it, whatever is in the page caches', async () => {
    const [n1, n2, n3] = machines(3) as [Machine, Machine, Machine];
    n1.disk.put(SEGMENT, log(1, 'a', 'b'));
    await cache(n2.disk, log(1, 'a', 'b'));
    n3.disk.put(SEGMENT, log(1, 'a'));
    const checker = new ClusterChecker([n1, n2, n3], 2);

    expect(() => checker.acknowledged(write, result)).toThrow(
      '1.2 is on the platters of n1, and needs 2',
    );
  });

  test('breaks a promise where the platters hold another epoch or other bytes there', () => {
    const [n1, n2, n3] = machines(3) as [Machine, Machine, Machine];
    n1.disk.put(SEGMENT, log(1, 'a', 'b'));
    n2.disk.put(SEGMENT, log(2, 'a', 'b'));
    const checker = new ClusterChecker([n1, n2, n3], 2);
    expect(() => checker.acknowledged(write, result)).toThrow('on the platters of n1, and needs');

    n3.disk.put(SEGMENT, log(1, 'a', 'x'));
    expect(() => checker.acknowledged(write, result)).toThrow('in different batches');
    n3.disk.put(SEGMENT, log(1, 'x', 'b'));
    expect(() => checker.acknowledged(write, result)).toThrow(
      'the platter of n3 has another batch',
    );
  });

  test('counts a disk that was lost after its ack had left, until its machine is intact again', () => {
    const [n1, n2] = machines(2) as [Machine, Machine];
    for (const { disk } of [n1, n2]) disk.put(SEGMENT, log(1, 'a', 'b'));
    const checker = new ClusterChecker([n1, n2], 2);
    checker.loses(n2);
    n2.disk.wipe();
    checker.acknowledged(write, result);

    n2.node = { status: () => intactAndEmpty };
    expect(() => checker.acknowledged(write, result)).toThrow('needs 2');
  });
});

describe('a commit', () => {
  test('breaks a promise where fewer than W platters hold it, though nothing was acknowledged', () => {
    const [n1, n2, n3] = machines(3) as [Machine, Machine, Machine];
    n1.disk.put(SEGMENT, log(1, 'a', 'b'));
    n1.node = {
      status: () => ({
        ...intactAndEmpty,
        durable: { epoch: 1, lsn: 2, chain: 0 },
        committedLsn: 2,
      }),
    };
    const checker = new ClusterChecker([n1, n2, n3], 2);

    expect(() => checker.observe()).toThrow('committed by n1 (life 1), is on the platters of n1');
  });
});

describe('a rule on which the promises rest', () => {
  test('is broken where a voter counts that is not intact again, whatever is on its platter by now', () => {
    const [n1, n2] = machines(2) as [Machine, Machine];
    const checker = new ClusterChecker([n1, n2], 2);
    n2.node = { status: () => ({ ...intactAndEmpty, state: 'blank' }) };
    checker.look(n2);
    for (const { disk } of [n1, n2]) disk.put(SEGMENT, log(1, 'a', 'b'));
    expect(() => checker.acknowledged(write, result)).toThrow('on the platters of n1, and needs');

    n2.node = { status: () => intactAndEmpty };
    checker.acknowledged(write, result);
    expect(checker.ackedLsn).toBe(2);
  });

  test('is broken where a leader commits what it inherited without a record of its own', () => {
    const [n1, n2] = machines(2) as [Machine, Machine];
    for (const { disk } of [n1, n2]) disk.put(SEGMENT, log(1, 'a', 'b'));
    const committed = { durable: { epoch: 1, lsn: 2, chain: 0 }, committedLsn: 2 };
    n1.node = { status: () => ({ ...intactAndEmpty, ...committed, role: 'leader', epoch: 2 }) };

    expect(() => new ClusterChecker([n1, n2], 2).look(n1)).toThrow(
      'n1 (life 1) leads epoch 2, and calls 1.2 committed before anything of its own is',
    );
  });

  test('is broken by an ack of what is not on the platter, or in an epoch that is not promised there', async () => {
    const [n1] = machines(1) as [Machine];
    const checker = new ClusterChecker([n1], 1);
    const ack = (epoch: number, durableLsn: number, chain = 0): Buffer =>
      encodeMessage({
        kind: 'ack',
        epoch,
        durableLsn,
        chain,
        receivedLsn: 9,
        appliedLsn: 0,
        writable: true,
      });
    await cache(n1.disk, log(1, 'a', 'b'));
    expect(() => checker.sent(n1, ack(1, 0))).toThrow('the promise on its platter is of 0');

    const promise = { epoch: 1, candidate: null, attempt: null };
    n1.disk.put('/data/meta.json', encodeMeta({ ...BLANK_META, promise }));
    checker.sent(n1, ack(1, 0));
    expect(() => checker.sent(n1, ack(2, 0))).toThrow('the promise on its platter is of 1');
    expect(() => checker.sent(n1, ack(1, 2))).toThrow('its platter has no batch that ends there');

    n1.disk.put(SEGMENT, log(1, 'a', 'b'));
    checker.sent(n1, ack(1, 2));
    expect(() => checker.sent(n1, ack(1, 2, 7))).toThrow('its platter has another one there');
  });

  test('is broken by a node that is ready, and lacks what was acknowledged before it had a leader', () => {
    const [n1, n2] = machines(2) as [Machine, Machine];
    for (const { disk } of [n1, n2]) disk.put(SEGMENT, log(1, 'a', 'b'));
    const checker = new ClusterChecker([n1, n2], 2);
    checker.acknowledged(write, result);
    const say = (changes: Partial<NodeStatus>): void => {
      const status = { ...intactAndEmpty, durable: { epoch: 1, lsn: 2, chain: 0 }, ...changes };
      n1.node = { status: () => status };
      checker.look(n1);
    };
    const leader = { nodeId: 'n1', address: 'n1' };
    const leads = { role: 'leader', leader, committedLsn: 2, notReady: null } as const;
    say({ leader: null, notReady: { code: 'NO_LEADER', message: '' } });

    say({ ...leads, notReady: { code: 'CATCHING_UP', message: '' } });
    expect(() => say(leads)).toThrow(
      'n1 (life 1) is ready at 0.0, and 1.2 was acknowledged before it began',
    );
    say({ ...leads, applied: { epoch: 1, lsn: 2 } });
  });
});

const intactAndEmpty = {
  role: 'follower',
  state: 'intact',
  epoch: 1,
  promise: { epoch: 1, candidate: null, attempt: null },
  durable: { epoch: 0, lsn: 0, chain: 0 },
  committedLsn: 0,
  applied: { epoch: 0, lsn: 0 },
} as unknown as NodeStatus;
