import { WalshipError } from '../../errors.ts';
import { formatVersion } from '../../wal/format/position.ts';
import type { Version } from '../../wal/format/position.ts';
import { OP, recordBytes } from '../../wal/format/record.ts';
import { records } from '../../wal/format/scan.ts';
import type { LogRecord } from '../../wal/format/record.ts';
import type { WatchEvent, WatchRequest } from '../api/api.ts';
import { APPLY_BYTES_MAX } from '../replica/applier.ts';
import type { Replica } from '../replica/replica.ts';
import { judgeForGood, replaced } from './versions.ts';

/** Bytes that a small record is counted as: each record is shown one by one. */
const RECORD_COST_BYTES = 128;

/**
 * Yields applied changes, in log order, after `after`. A watcher is a cursor into the log with one wake-up, never a
 * queue: a slow watcher costs no memory. It never goes past the applied LSN, so it shows nothing that could still be
 * cut off.
 */
export async function* watch(
  replica: Replica,
  { after, prefix, signal }: WatchRequest,
): AsyncGenerator<WatchEvent> {
  check(replica, after);
  const { historyId } = replica.meta.current;
  let { stateGeneration } = replica;
  const wake = new WakeUp(replica, signal);
  let cursor = after.lsn;
  let aligned = cursor === 0;
  let turnBytes = 0;
  while (!signal.aborted) {
    if (replica.stateGeneration !== stateGeneration) {
      // In another history, shown changes may have been taken back, and the following ones would not fit.
      if (historyId !== null && replica.meta.current.historyId !== historyId) {
        throw cutOff(replica, after);
      }
      ({ stateGeneration } = replica);
    }
    refuseIfPurged(replica, cursor);
    const limit = replica.appliedLsn;
    if (cursor >= limit) {
      const version =
        cursor === after.lsn ? after : { epoch: replica.log.epochAt(cursor), lsn: cursor };
      yield { kind: 'progress', version };
      // The consumer of this iterator may have taken its time.
      const isStill = replica.appliedLsn === limit && replica.stateGeneration === stateGeneration;
      if (isStill) await wake.next();
      if (replica.end !== undefined) throw replica.end;
      continue;
    }
    check(replica, after);
    // A version may lie inside a batch; the applied LSN is the end of one, and from there on whole chunks are read.
    const found = aligned ? await chunk(replica, cursor) : replica.log.read({ from: cursor + 1 });
    let last = aligned ? cursor : limit;
    for await (const record of found) {
      if (record.lsn > limit) break;
      const event = change(replica, record, prefix);
      if (event !== undefined) yield event;
      // Many records may not match the prefix, and all of them may be in memory.
      turnBytes += Math.max(recordBytes(record.key.length, record.value.length), RECORD_COST_BYTES);
      if (turnBytes >= APPLY_BYTES_MAX) {
        turnBytes = 0;
        await replica.place.turns.next();
      }
      if (signal.aborted) return;
      if (aligned) last = record.lsn;
    }
    aligned = true;
    cursor = last;
  }
}

/**
 * Checks the start of a watch; called again once its LSN is here: a version from elsewhere may have named a
 * leadership that this node had not met. A forgotten leadership is purged too, and the error says PURGED.
 */
function check(replica: Replica, after: Version): void {
  const judged = judgeForGood(replica.log.epochs, after, replica.appliedLsn);
  if (judged.kind === 'replaced') throw replaced(after, judged);
}

/** Checks that the log still holds the record after `lsn`. @throws WalshipError PURGED. */
function refuseIfPurged({ log }: Replica, lsn: number): void {
  const oldest = log.firstLsn;
  if (lsn + 1 >= oldest) return;
  const version = formatVersion({ epoch: log.epochAt(oldest), lsn: oldest });
  throw new WalshipError('PURGED', `the log begins at version ${version}`, {
    details: { oldest: version },
  });
}

async function chunk(replica: Replica, cursor: number): Promise<Iterable<LogRecord>> {
  const found = await replica.log.chunkAfter(cursor, APPLY_BYTES_MAX);
  return found === undefined ? [] : records(found.bytes);
}

function change(
  replica: Replica,
  { op, key, value, lsn, more }: LogRecord,
  prefix: Uint8Array | undefined,
): WatchEvent | undefined {
  if (op !== OP.PUT && op !== OP.DELETE) return undefined;
  if (prefix !== undefined && !key.subarray(0, prefix.length).equals(prefix)) return undefined;
  const version = { epoch: replica.log.epochAt(lsn), lsn };
  return { kind: 'change', op: op === OP.PUT ? 'put' : 'delete', key, value, version, last: !more };
}

function cutOff(replica: Replica, after: Version): WalshipError {
  const { epoch, lsn } = replica.log.durable;
  return replaced(after, { by: epoch, from: lsn + 1 });
}

/** A single wake-up: more was applied, or the watcher is gone. */
class WakeUp {
  readonly #signal: AbortSignal;
  readonly #replica: Replica;

  constructor(replica: Replica, signal: AbortSignal) {
    this.#replica = replica;
    this.#signal = signal;
  }

  next(): Promise<void> {
    if (this.#signal.aborted) return Promise.resolve();
    if (this.#replica.end !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#signal.removeEventListener('abort', done);
        forget();
        resolve();
      };
      this.#signal.addEventListener('abort', done, { once: true });
      const forget = this.#replica.onceApplied(done);
    });
  }
}
