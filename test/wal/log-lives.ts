/** Logs on a simulated disk, life after life, beside a model of what they must hold. */
import { expect } from 'vitest';
import type { SimProcess } from '../../src/sim/sim-clock.ts';
import type { SimDisk } from '../../src/sim/sim-disk.ts';
import type { SimWorld } from '../../src/sim/sim-world.ts';
import { removeTemporary } from '../../src/wal/leftovers.ts';
import { Log } from '../../src/wal/log.ts';
import type { LogBase } from '../../src/wal/format/log-base.ts';
import { MetaStore } from '../../src/wal/files/meta.ts';
import type { Position } from '../../src/wal/format/position.ts';
import { OP } from '../../src/wal/format/record.ts';

const DIR = '/data';
export const CLUSTER = { clusterId: '0123456789abcdef0123456789abcdef', historyId: 'f'.repeat(32) };
/** Small, so that a short workload fills several. */
export const SEGMENT_BYTES = 8192;
/** So little that what is not new is read from the files. */
export const RECENT_BYTES = 16 * 1024;

export interface Life {
  readonly log: Log;
  readonly meta: MetaStore;
  readonly process: SimProcess;
}

/** A new process that opens the log on `sim`. */
export async function openLife(
  world: SimWorld,
  sim: SimDisk,
  voters: number,
  base?: LogBase,
  recentBytesMax = RECENT_BYTES,
): Promise<Life> {
  const process = world.process();
  return await untilDeath(process, startLog({ sim, process, voters, base, recentBytesMax }));
}

async function startLog(options: {
  sim: SimDisk;
  process: SimProcess;
  voters: number;
  base: LogBase | undefined;
  recentBytesMax: number;
}): Promise<Life> {
  const { sim, process, voters, base, recentBytesMax } = options;
  const disk = sim.mount(process);
  await disk.makeDir(DIR);
  await removeTemporary(disk, DIR);
  const hasLog = (await disk.list(`${DIR}/wal`)).some((name) => name.endsWith('.wal'));
  const meta = await MetaStore.open(disk, DIR, { hasLog, nodeId: 'n1' });
  if (meta.current.state === 'blank') await meta.update({ state: 'intact' });
  const log = await Log.open({
    disk,
    clock: process,
    entropy: sim.entropy,
    dir: DIR,
    meta,
    voters,
    segmentBytes: SEGMENT_BYTES,
    recentBytesMax,
    base,
  });
  return { log, meta, process };
}

/** Thrown where a process died in what it did. */
export class Died extends Error {}

/** The result of `work`, or Died as soon as the process that does it is dead. */
export function untilDeath<T>(process: SimProcess, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    work.then(resolve, reject);
    process.onDeath(() => reject(new Died('the process died')));
  });
}

/** What a log may and must hold: texts of records by LSN, and how many of them are certain. */
export class LogModel {
  /** Record `lsn` is at `lsn - 1`. */
  readonly records: string[] = [];
  /** Everything up to here was reported durable. */
  floor = 0;

  add(lsn: number, text: string): void {
    expect(lsn, 'LSNs have no gaps').toBe(this.records.length + 1);
    this.records.push(text);
  }

  durable(lsn: number): void {
    expect(lsn, 'nothing is durable that was not appended').toBeLessThanOrEqual(
      this.records.length,
    );
    this.floor = Math.max(this.floor, lsn);
  }

  /** A truncation is under way: what is behind `lsn` may go. */
  mayLose(lsn: number): void {
    this.floor = Math.min(this.floor, lsn);
  }

  /** Adopts what a recovery found, once it has been checked. */
  adopt(found: readonly string[]): void {
    this.records.length = found.length;
    this.floor = found.length;
  }

  /** What was recovered begins with everything acknowledged, and is nothing but what was appended. */
  check(found: readonly string[]): void {
    expect(found.length, 'everything acknowledged is there').toBeGreaterThanOrEqual(this.floor);
    expect(found).toEqual(this.records.slice(0, found.length));
  }
}

/** Every record of a log, as the model writes them. */
export async function readTexts(log: Log, from = 1): Promise<string[]> {
  const texts: string[] = [];
  for await (const { op, key, value, more } of log.read({ from })) {
    texts.push(
      op === OP.EPOCH
        ? `epoch ${log.epochAt(from + texts.length)}`
        : text(op, key, value) + (more ? ' more' : ''),
    );
  }
  return texts;
}

/** A key and the letter and length of its value say it all. */
function text(op: number, key: Uint8Array, value: Uint8Array): string {
  const letter = String.fromCharCode(value[0] ?? 45);
  expect(Buffer.from(value).equals(Buffer.alloc(value.length, letter))).toBe(true);
  return `${op} ${Buffer.from(key).toString()} ${letter}x${value.length}`;
}

/** Begins the log where it is blank, and leads it in the epoch after its last. */
export async function lead({ log }: Life, model: LogModel): Promise<void> {
  if (log.identity === undefined) await log.begin(CLUSTER);
  const epoch = (log.epochs.at(-1)?.epoch ?? 0) + 1;
  const entry = { epoch, leader: 'n1', historyId: CLUSTER.historyId, voters: ['n1'], quorum: 1 };
  log.onDurable(({ lsn }) => model.durable(lsn));
  model.add(
    log.lead(entry, () => ({ commitLsn: log.durable.lsn, wallMs: 1 })),
    `epoch ${epoch}`,
  );
}

/** Appends a transaction of records whose values have these lengths. */
export function append({ log }: Life, model: LogModel, ...valueBytes: number[]): void {
  const first = model.records.length + 1;
  const ops = valueBytes.map((bytes, index) => ({
    op: OP.PUT as number,
    key: Buffer.from(`key ${first + index}`),
    value: Buffer.alloc(bytes, 97 + ((first + index) % 26)),
  }));
  const last = log.append(ops);
  for (const [index, { op, key, value }] of ops.entries()) {
    model.add(first + index, text(op, key, value) + (index < ops.length - 1 ? ' more' : ''));
  }
  expect(last).toBe(model.records.length);
}

/** What a healthy log must do after any accident: give what it has, take more, and give that after a reopening. */
export async function checkLife(
  world: SimWorld,
  sim: SimDisk,
  { model, voters }: { model: LogModel; voters: number },
): Promise<Life> {
  const life = await openLife(world, sim, voters);
  const found = await readTexts(life.log);
  model.check(found);
  expect(life.log.durable.lsn).toBe(found.length);
  model.adopt(found);
  await lead(life, model);
  append(life, model, 40);
  append(life, model, 700, 0, 20);
  await life.log.drained();
  expect(model.floor).toBe(model.records.length);
  await life.log.close();
  life.process.kill();

  const again = await openLife(world, sim, voters);
  expect(await readTexts(again.log)).toEqual(model.records);
  return again;
}

/** Batches of a log behind `lsn`, one batch each, with the position behind each. */
export async function batchesAfter(
  log: Log,
  lsn: number,
): Promise<{ bytes: Buffer; last: Position }[]> {
  const batches: { bytes: Buffer; last: Position }[] = [];
  for (let at = lsn; ;) {
    const chunk = await log.chunkAfter(at, 1);
    if (chunk === undefined) return batches;
    batches.push({ bytes: chunk.bytes, last: chunk.last });
    at = chunk.last.lsn;
  }
}
