/** Data directory with a log of many leaderships and nothing else, as after weeks of an unstable link. */
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import { NodeDisk } from '../../ports/node-disk.ts';
import { SystemClock } from '../../ports/system-clock.ts';
import { SystemEntropy } from '../../ports/system-entropy.ts';
import type { Entropy } from '../../ports/entropy.ts';
import { encodeEpochRecord, encodeEpochValue } from '../../wal/format/epoch-record.ts';
import { MiB } from '../../ports/units.ts';
import { Log } from '../../wal/log.ts';
import { MetaStore } from '../../wal/files/meta.ts';
import type { EpochEntry, Position } from '../../wal/format/position.ts';
import { readU32, recordBytes } from '../../wal/format/record.ts';
import { ChainSum, SEAL_BYTES, sealBatch } from '../../wal/format/seal.ts';
import { NodeFaults } from '../inside/node-faults.ts';

const PAGE_BYTES = 2 * MiB;
/** Identity, the same for all nodes: their logs are equal byte for byte. */
const IDENTITY = { clusterId: 'd'.repeat(32), historyId: 'e'.repeat(32) };

type MadeLeaderships = Pick<EpochEntry, 'historyId' | 'voters' | 'quorum'>;

/**
 * Yields `count` leaderships after `from`, one after the other by each voter in turn, without any other record: whole
 * batches, in pages of some MiB.
 */
function* leadershipPages(
  from: Position,
  count: number,
  common: MadeLeaderships,
): Generator<Buffer> {
  const page = Buffer.alloc(PAGE_BYTES);
  const sum = new ChainSum();
  let end = 0;
  let { chain } = from;
  for (let made = 1; made <= count; made += 1) {
    const [lsn, epoch] = [from.lsn + made, from.epoch + made];
    const leader = common.voters[made % common.voters.length] ?? '';
    const entry = { ...common, leader, epoch, firstLsn: lsn };
    const bytes = recordBytes(Buffer.byteLength(leader), encodeEpochValue(entry).length);
    if (end + bytes + SEAL_BYTES > page.length) {
      yield Buffer.from(page.subarray(0, end));
      end = 0;
    }
    end = encodeEpochRecord(page, end, entry);
    sum.start(chain);
    sum.add(readU32(page, end - 4));
    chain = sealBatch(page, end, { lsn, epoch, timeMs: 1, commitLsn: lsn - 1, count: 1, sum });
    end += SEAL_BYTES;
  }
  yield Buffer.from(page.subarray(0, end));
}

export interface MadeHistory {
  readonly nodeId: string;
  readonly voters: readonly string[];
  readonly quorum: number;
  readonly leaderships: number;
}

export interface HistoryPlace {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly dir: string;
}

/** Turns the empty directory `dir` into that of an intact node with this many leaderships. */
export async function makeHistory(
  { disk, clock, entropy, dir }: HistoryPlace,
  { nodeId, voters, quorum, leaderships }: MadeHistory,
): Promise<void> {
  await disk.makeDir(dir);
  const meta = await MetaStore.open(disk, dir, { hasLog: false, nodeId });
  const log = await Log.open({ disk, clock, entropy, dir, meta, voters: voters.length });
  await log.begin(IDENTITY);
  const common = { historyId: IDENTITY.historyId, voters, quorum };
  for (const page of leadershipPages(log.durable, leaderships, common)) await log.write(page);
  await log.close();
  const promise = { epoch: leaderships, candidate: null, attempt: null };
  await meta.update({ state: 'intact', promise, voters, quorum });
}

/** Makes a history on this machine, in a directory that drills may ruin. */
export async function makeDrillHistory(dir: string, history: MadeHistory): Promise<void> {
  const [disk, clock] = [new NodeDisk(), new SystemClock()];
  const place = { disk, clock, entropy: new SystemEntropy(), dir };
  await NodeFaults.open(place.disk, place.clock, dir);
  await makeHistory(place, history);
}
