/** Judges scans and watches by the committed history: they show all of it, in order, and nothing else (P2). */
import type { ScanRequest, ScanResult, WatchEvent } from '../node/api/api.ts';
import type { Version } from '../wal/format/position.ts';
import { SCAN_BYTES_MAX } from '../node/requests/read-path.ts';
import { OP } from '../wal/format/record.ts';
import type { GoldenLog } from './golden-log.ts';
import { SimViolation } from './golden-log.ts';

export interface JudgedScan extends Pick<ScanRequest, 'prefix' | 'limit'> {
  /** A page ends once its keys and values reach this many bytes. */
  readonly bytesMax?: number;
}

/** Judges a page of a scan. @throws SimViolation where it differs from the history at the position that it names. */
export function judgeScan(
  golden: GoldenLog,
  { prefix, limit, bytesMax = SCAN_BYTES_MAX }: JudgedScan,
  { entries, applied, more }: ScanResult,
): void {
  const name = `a scan at ${applied.epoch}.${applied.lsn}`;
  if (applied.lsn > golden.end) throw new SimViolation(`${name} is beyond what is committed`);
  const all = golden.stateAt(Buffer.from(prefix ?? []).toString('latin1'), applied.lsn);
  const expected = all.slice(0, limit);
  let bytes = 0;
  const full = expected.findIndex(({ key, value }) => {
    bytes += key.length + value.length;
    return bytes >= bytesMax;
  });
  if (full >= 0) expected.length = full + 1;
  if (entries.length !== expected.length || more !== all.length > entries.length) {
    throw new SimViolation(`${name} shows ${entries.length} keys, expected ${expected.length}`);
  }
  for (const [index, { key, value, version }] of entries.entries()) {
    const record = expected[index];
    const isSame =
      record?.key === key.toString('latin1') &&
      record.lsn === version.lsn &&
      record.epoch === version.epoch &&
      record.value.equals(value);
    if (!isSame) throw new SimViolation(`${name} shows another ${key.toString('latin1')}`);
  }
}

/** Judge of a watch of all keys, from a version on, at one node after the other. */
export class WatchJudge {
  readonly #golden: GoldenLog;
  #cursor: Version = { epoch: 0, lsn: 0 };
  /** Number of changes that were shown. */
  shown = 0;

  constructor(golden: GoldenLog) {
    this.#golden = golden;
  }

  /** Version up to which everything was shown. */
  get cursor(): Version {
    return this.#cursor;
  }

  /** Skips to a version: the log does not reach back to the cursor, and the watch continues from there. */
  skipTo(version: Version): void {
    this.#cursor = version;
  }

  /**
   * Judges an event. @throws SimViolation where a change was left out, comes twice, or differs from the committed
   * one.
   */
  saw(event: WatchEvent): void {
    const { epoch, lsn } = event.version;
    const name = `a watch at ${epoch}.${lsn}, behind ${this.#cursor.epoch}.${this.#cursor.lsn},`;
    if (lsn > this.#golden.end) throw new SimViolation(`${name} is beyond what is committed`);
    const between = this.#golden.records.slice(this.#cursor.lsn, lsn);
    const changes = between.filter(({ op }) => op === OP.PUT || op === OP.DELETE);
    if (event.kind === 'progress') {
      if (lsn < this.#cursor.lsn) throw new SimViolation(`${name} goes back`);
      if (changes.length > 0) throw new SimViolation(`${name} left out LSN ${changes[0]?.lsn}`);
    } else {
      const [record] = changes;
      if (record === undefined || record.lsn !== lsn) {
        throw new SimViolation(`${name} shows LSN ${lsn}, expected ${record?.lsn}`);
      }
      const isSame =
        record.epoch === epoch &&
        record.key === event.key.toString('latin1') &&
        (event.op === 'put') === (record.op === OP.PUT) &&
        (record.op === OP.DELETE || record.value.equals(event.value));
      if (!isSame) throw new SimViolation(`${name} shows another change than the log`);
      this.shown += 1;
    }
    this.#cursor = { epoch: lsn === 0 ? 0 : epoch, lsn };
  }
}
