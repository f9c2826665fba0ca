/**
 * Reader of log bytes. `continues` is the only function that knows which record may follow which; recovery, followers and
 * tools all use it, so that no record can be accepted in one place and refused in another.
 */
import { FILL_BYTE, KEY_BYTES_MAX } from './limits.ts';
import type { EpochEntry, Position } from './position.ts';
import { BATCH_BYTES_MAX } from './limits.ts';
import { decodeEpochRecord } from './epoch-record.ts';
import { decodeRecord, hex32, OP, RecordView, RECORD_OVERHEAD_BYTES, SHORT } from './record.ts';
import type { LogRecord } from './record.ts';
import { ChainSum, decodeSeal } from './seal.ts';
import type { Seal } from './seal.ts';

/** State of a log after its last seal. Before the first record: epoch 0, LSN 0 and the cluster's first chain. */
export type LogState = Position;

/** One whole, verified batch. */
export interface BatchInfo {
  /** State before the batch. */
  readonly first: Position;
  /** State after the batch. */
  readonly last: Position;
  /** Start of the batch in the given bytes. */
  readonly offset: number;
  /** Offset just past its seal. */
  readonly end: number;
  readonly seal: Seal;
  /** Set if the batch begins a leadership. */
  readonly epochStart?: EpochEntry;
}

export type Verified =
  | { readonly kind: 'ok'; readonly batches: readonly BatchInfo[]; readonly state: LogState }
  | { readonly kind: 'invalid'; readonly reason: string; readonly offset: number };

/** State of a scan between two records. Mutable: `continues` advances it. */
export class ScanState {
  /** LSN at the last seal. */
  lsn: number;
  epoch: number;
  chain: number;
  /** Records of the current batch so far. */
  count = 0;
  /** Bytes of the current batch so far. */
  batchBytes = 0;
  /** True if the last record continues its transaction in the next one. */
  more = false;
  epochStart: EpochEntry | undefined = undefined;
  /** Last record read. */
  readonly record = new RecordView();
  /** The last record's seal; undefined if the last record was not a seal. */
  seal: Seal | undefined = undefined;
  readonly sum = new ChainSum();

  constructor(state: LogState) {
    this.lsn = state.lsn;
    this.epoch = state.epoch;
    this.chain = state.chain;
    this.sum.start(state.chain);
  }

  /** Returns the state at the last seal. */
  position(): LogState {
    return { epoch: this.epoch, lsn: this.lsn, chain: this.chain };
  }
}

/** Prefix of the fault of a record that is whole and in its place, but has an op that this version does not know. */
export const UNKNOWN_OP = 'unknown op';

/**
 * Checks that the bytes at `offset` hold a record that continues the log: CRC, lengths, LSN, op, transaction, count, epoch and
 * chain. If so, moves `state` past the record (`state.record`, and `state.seal` if it closed a batch) and returns
 * undefined. If not, returns the fault, which is SHORT if the bytes end too early; `state` is then unusable, except after SHORT.
 */
export function continues(state: ScanState, bytes: Buffer, offset: number): string | undefined {
  const { record } = state;
  const fault = decodeRecord(bytes, offset, record);
  if (fault !== undefined) return fault;
  state.seal = undefined;
  const { opByte } = record;
  if (opByte === OP.SEAL) return sealContinues(state);

  const lsn = state.lsn + state.count + 1;
  if (record.lsn !== lsn) return `LSN ${record.lsn}, expected ${lsn}`;
  if (record.keyBytes === 0) return `an empty key, expected 1 to ${KEY_BYTES_MAX} bytes`;
  if (opByte === OP.EPOCH) {
    const epochFault = epochContinues(state);
    if (epochFault !== undefined) return epochFault;
  } else {
    const op = opByte & ~OP.CONTINUED;
    const transactional =
      op === OP.PUT || op === OP.DELETE || (op >= OP.CUSTOM_FIRST && op <= OP.CUSTOM_LAST);
    if (!transactional && opByte !== OP.REQUEST) return `${UNKNOWN_OP} ${opByte}`;
    if (op === OP.DELETE && record.valueBytes !== 0) return 'a DELETE with a value';
    if (state.epoch === 0) return 'a log that does not begin with an EPOCH record';
  }
  state.batchBytes += RECORD_OVERHEAD_BYTES + record.keyBytes + record.valueBytes;
  if (state.batchBytes > BATCH_BYTES_MAX) return `a batch of more than ${BATCH_BYTES_MAX} bytes`;
  state.count += 1;
  state.more = opByte >= OP.CONTINUED;
  state.sum.add(record.crc);
  return undefined;
}

function epochContinues(state: ScanState): string | undefined {
  if (state.count !== 0) return 'an EPOCH record that is not the first of its batch';
  const entry = decodeEpochRecord(state.record);
  if (typeof entry === 'string') return entry;
  if (entry.epoch <= state.epoch) {
    return `an EPOCH record of epoch ${entry.epoch} after epoch ${state.epoch}`;
  }
  state.epochStart = entry;
  state.epoch = entry.epoch;
  return undefined;
}

function sealContinues(state: ScanState): string | undefined {
  const { record } = state;
  const seal = decodeSeal(record);
  if (typeof seal === 'string') return seal;
  if (state.count === 0) return 'a seal without a batch';
  if (seal.count !== state.count) {
    return `a seal that counts ${seal.count}, expected ${state.count}`;
  }
  const lsn = state.lsn + state.count;
  if (record.lsn !== lsn) return `a seal of LSN ${record.lsn}, expected ${lsn}`;
  if (state.more) return 'a transaction that its batch does not finish';
  if (seal.epoch !== state.epoch) return `a seal of epoch ${seal.epoch}, expected ${state.epoch}`;
  if (seal.commitLsn > lsn) {
    return `a seal that knows LSN ${seal.commitLsn} committed, beyond ${lsn}`;
  }
  if (state.batchBytes + record.end - record.offset > BATCH_BYTES_MAX) {
    return `a batch of more than ${BATCH_BYTES_MAX} bytes`;
  }
  const chain = state.sum.finish(record.bytes, record.valueOffset);
  if (seal.chain !== chain) return `chain ${hex32(seal.chain)}, expected ${hex32(chain)}`;
  state.seal = seal;
  state.lsn = lsn;
  state.chain = chain;
  state.count = 0;
  state.batchBytes = 0;
  state.sum.start(chain);
  return undefined;
}

export type ScanEnd =
  /** The bytes ended, between two records or inside one; `offset` is where the unread rest begins. */
  | { readonly kind: 'end'; readonly offset: number }
  /** The fill byte is at the place of the next record. */
  | { readonly kind: 'fill'; readonly offset: number }
  | { readonly kind: 'invalid'; readonly offset: number; readonly reason: string };

/**
 * Reads batches until the end or a fault, and passes each whole one to `onBatch`. A scan can continue with more bytes if the
 * caller keeps the bytes of the unfinished batch, and calls `shift` with the distance by which it moved them.
 */
export class BatchScanner {
  readonly state: ScanState;
  #before: Position;
  /** Offset of the current batch. */
  #batchOffset: number;
  /** Offset of the next record. */
  #offset: number;

  constructor(state: LogState, offset = 0) {
    this.state = new ScanState(state);
    this.#before = state;
    this.#batchOffset = offset;
    this.#offset = offset;
  }

  /** Offset of the first byte that is still needed: the start of the unfinished batch. */
  get batchOffset(): number {
    return this.#batchOffset;
  }

  /** State at the last good seal. */
  get before(): Position {
    return this.#before;
  }

  /** Adjusts the offsets after the caller moved the bytes by `bytes` towards the beginning. */
  shift(bytes: number): void {
    this.#batchOffset -= bytes;
    this.#offset -= bytes;
  }

  /** Continues at `offset`, where the next batch begins; no batch may be unfinished. */
  moveTo(offset: number): void {
    this.#batchOffset = offset;
    this.#offset = offset;
  }

  /** Reads batches from `bytes` up to `end`. */
  run(bytes: Buffer, onBatch: (batch: BatchInfo) => void, end = bytes.length): ScanEnd {
    const { state } = this;
    let offset = this.#offset;
    for (;;) {
      if (offset >= end) return this.#stop('end', offset);
      if (bytes[offset] === FILL_BYTE) return this.#stop('fill', offset);
      const fault = continues(state, bytes, offset);
      if (fault !== undefined) {
        if (fault === SHORT) return this.#stop('end', offset);
        this.#offset = offset;
        return { kind: 'invalid', offset, reason: fault };
      }
      if (state.record.end > end) {
        return { kind: 'invalid', offset, reason: 'a record that goes beyond its write' };
      }
      offset = state.record.end;
      if (state.seal !== undefined) onBatch(this.#close(offset, state.seal));
    }
  }

  #stop(kind: 'end' | 'fill', offset: number): ScanEnd {
    this.#offset = offset;
    return { kind, offset };
  }

  #close(end: number, seal: Seal): BatchInfo {
    const { epochStart } = this.state;
    const batch = {
      first: this.#before,
      last: this.state.position(),
      offset: this.#batchOffset,
      end,
      seal,
    };
    this.#before = batch.last;
    this.#batchOffset = end;
    this.state.epochStart = undefined;
    return epochStart === undefined ? batch : { ...batch, epochStart };
  }
}

/**
 * Checks bytes that must be whole batches continuing `state`, and nothing else. Never throws, whatever the bytes; no bytes mean
 * no batches. Offsets count from the beginning of `bytes`; an invalid result gives the offset of the bad record.
 */
export function verifyBatches(state: LogState, bytes: Buffer): Verified {
  const batches: BatchInfo[] = [];
  const scanner = new BatchScanner(state);
  const end = scanner.run(bytes, (batch) => batches.push(batch));
  if (end.kind === 'invalid') return { kind: 'invalid', reason: end.reason, offset: end.offset };
  if (end.kind === 'fill') {
    return {
      kind: 'invalid',
      reason: 'the fill byte where a record should begin',
      offset: end.offset,
    };
  }
  if (end.offset < bytes.length) return { kind: 'invalid', reason: SHORT, offset: end.offset };
  if (scanner.batchOffset !== bytes.length) {
    return { kind: 'invalid', reason: 'the bytes end inside a batch', offset: scanner.batchOffset };
  }
  return { kind: 'ok', batches, state: scanner.before };
}

/**
 * Calls `visit` with every record of verified bytes except seals. The record is valid during the call only: one object is
 * reused for all.
 */
export function forEachRecord(bytes: Buffer, visit: (record: RecordView) => void): void {
  for (const record of recordViews(bytes)) visit(record);
}

/** Yields the records of verified bytes except seals. One object is reused, so each record is valid until the next one. */
export function* recordViews(bytes: Buffer): Generator<RecordView, void, undefined> {
  const view = new RecordView();
  for (let offset = 0; offset < bytes.length; offset = view.end) {
    moveTo(view, bytes, offset);
    if (view.opByte !== OP.SEAL) yield view;
  }
}

/** Yields the records of verified bytes except seals; keys and values alias `bytes`. */
export function* records(bytes: Buffer): Generator<LogRecord, void, undefined> {
  const view = new RecordView();
  for (let offset = 0; offset < bytes.length; offset = view.end) {
    moveTo(view, bytes, offset);
    const { lsn, op, more, key, value } = view;
    if (view.opByte !== OP.SEAL) yield { lsn, op, more, key, value };
  }
}

/** Sets the view to the record at `offset` without checks: the bytes have been verified before. */
function moveTo(view: RecordView, bytes: Buffer, offset: number): void {
  const { data } = view.over(bytes);
  const keyBytes = data.getUint32(offset + 9);
  view.offset = offset;
  view.lsn = data.getUint32(offset) * 0x1_0000_0000 + data.getUint32(offset + 4);
  view.opByte = data.getUint8(offset + 8);
  view.keyBytes = keyBytes;
  view.valueBytes = data.getUint32(offset + 13 + keyBytes);
}
