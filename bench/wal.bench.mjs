/** The log alone: appends by group commit, and recovery, beside the barest loops that do the same to the same disk. */
import assert from 'node:assert';
import * as fs from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { NodeDisk } from '../dist/ports/node-disk.js';
import { SystemClock } from '../dist/ports/system-clock.js';
import { SystemEntropy } from '../dist/ports/system-entropy.js';
import { BatchBuilder } from '../dist/wal/format/batch-builder.js';
import { Log } from '../dist/wal/log.js';
import { MetaStore } from '../dist/wal/files/meta.js';
import { applyRecords } from '../dist/store/apply.js';
import { Store } from '../dist/store/store.js';
import { decodeRecord, OP, RecordView } from '../dist/wal/format/record.js';
import { bareSyncsUs, medianOf, MiB, newDir } from './support.mjs';

const VALUE = Buffer.alloc(100, 0x76);
const KEY = Buffer.from('key-0123456789ab');
const OPS = [{ op: OP.PUT, key: KEY, value: VALUE }];
const ID = '00112233445566778899aabbccddeeff';

async function openLog(dir, replay) {
  const disk = new NodeDisk();
  const hasLog = (await disk.list(`${dir}/wal`)).length > 0;
  const meta = await MetaStore.open(disk, dir, { hasLog, nodeId: 'n1' });
  const clock = new SystemClock();
  const entropy = new SystemEntropy();
  return Log.open({ disk, clock, entropy, dir, meta, nodeId: 'n1', voters: 1, replay });
}

async function newLeader(dir) {
  const log = await openLog(dir);
  await log.begin({ clusterId: ID, historyId: ID });
  const entry = { epoch: 1, leader: 'n1', historyId: ID, voters: ['n1'], quorum: 1 };
  log.lead(entry, () => ({ commitLsn: log.durable.lsn, wallMs: Date.now() }));
  await log.drained();
  return log;
}

/** Appends per second with `inFlight` waiting at any time: each one that becomes durable is followed by another. */
async function appendsPerSecond(log, inFlight, totalMs) {
  let appended = 0;
  let settled = log.durable.lsn;
  const first = settled;
  const start = performance.now();
  await new Promise((done) => {
    let ended = false;
    const fill = () => {
      while (appended - (settled - first) < inFlight) {
        log.append(OPS);
        appended += 1;
      }
    };
    log.onDurable(({ lsn }) => {
      if (ended) return;
      settled = lsn;
      if (performance.now() - start < totalMs) fill();
      else if (settled - first === appended) {
        ended = true;
        done();
      }
    });
    fill();
  });
  return (appended / (performance.now() - start)) * 1000;
}

const ROUNDS = 12;

/** Both sides in turns, and the medians of the rounds: what others do on the machine meanwhile hits both alike. */
async function append64() {
  const dir = newDir();
  const log = await newLeader(dir);
  await appendsPerSecond(log, 64, 500);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = medianOf(bareSyncsUs(dir));
    const perSecond = await appendsPerSecond(log, 64, 250);
    const bare = (before + medianOf(bareSyncsUs(dir))) / 2;
    rounds.push({ perSecond, bare, ratio: (perSecond * bare) / 1e6 });
  }
  await log.close();
  fs.rmSync(dir, { recursive: true });
  const base = `bare fdatasync ${median(rounds, 'bare').toFixed(0)} us`;
  const note = 'records per bare fdatasync time';
  const value = median(rounds, 'perSecond');
  return { value, unit: 'rec/s', base, ratio: median(rounds, 'ratio'), note };
}

function median(rounds, field) {
  return medianOf(rounds.map((round) => round[field]));
}

/** Records per second of a loop that only encodes and checksums, in batches as large as ours. */
function encodesPerSecond(batchRecords, totalMs) {
  const builder = new BatchBuilder({ epoch: 1, lsn: 0, chain: 0 }, 0);
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < totalMs) {
    for (let index = 0; index < batchRecords; index += 1) builder.add(OPS, 137);
    builder.seal({ commitLsn: 0, wallMs: 0 });
    count += batchRecords;
  }
  return (count / (performance.now() - start)) * 1000;
}

async function append4096() {
  const dir = newDir();
  const log = await newLeader(dir);
  await appendsPerSecond(log, 4096, 500);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = encodesPerSecond(4096, 200);
    const perSecond = await appendsPerSecond(log, 4096, 250);
    const bare = (before + encodesPerSecond(4096, 200)) / 2;
    rounds.push({ perSecond, bare, ratio: perSecond / bare });
  }
  await log.close();
  fs.rmSync(dir, { recursive: true });
  const bare = Math.round(median(rounds, 'bare')).toLocaleString('en-US');
  const base = `encode + crc only ${bare} rec/s`;
  const value = median(rounds, 'perSecond');
  return { value, unit: 'rec/s', base, ratio: median(rounds, 'ratio') };
}

/** The end of the record at `offset`, where it is whole and its CRC is right: with nothing but what Node.js has. */
function platformDecoder(bytes, offset) {
  if (offset + 13 > bytes.length) return undefined;
  const keyBytes = bytes.readUInt32BE(offset + 9);
  const valueOffset = offset + 17 + keyBytes;
  if (valueOffset > bytes.length) return undefined;
  const crcOffset = valueOffset + bytes.readUInt32BE(valueOffset - 4);
  if (crcOffset + 4 > bytes.length) return undefined;
  const crc = zlib.crc32(bytes.subarray(offset, crcOffset));
  return crc === bytes.readUInt32BE(crcOffset) ? crcOffset + 4 : undefined;
}

const view = new RecordView();

/** The same with the decoder of the log, whose checksums are faster for short records. */
function ownDecoder(bytes, offset) {
  return decodeRecord(bytes, offset, view) === undefined ? view.end : undefined;
}

const BLOCK_BYTES = 512;
const WRITE_HEADER_BYTES = 32;

/** Where the batches of the next write begin, of which the header stands at the next border of blocks behind `offset` of the file; undefined without one. */
function behindWriteHeader(bytes, fileOffset, offset) {
  const border = Math.ceil((fileOffset + offset) / BLOCK_BYTES) * BLOCK_BYTES - fileOffset;
  const end = border + WRITE_HEADER_BYTES;
  if (end > bytes.length) return undefined;
  const crc = zlib.crc32(bytes.subarray(border, end - 4));
  return crc === bytes.readUInt32BE(end - 4) ? end : undefined;
}

/** Milliseconds to read every segment and check each record's CRC, and nothing else; and how many records these were, seals included. */
async function bareRead(dir, decoder) {
  const start = performance.now();
  const buffer = Buffer.allocUnsafeSlow(8 * MiB);
  let records = 0;
  for (const name of fs.readdirSync(join(dir, 'wal')).toSorted()) {
    const file = await openFile(join(dir, 'wal', name));
    let position = BLOCK_BYTES;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      const bytes = buffer.subarray(0, bytesRead);
      let offset = 0;
      for (;;) {
        const end = decoder(bytes, offset);
        if (end !== undefined) records += 1;
        const next = end ?? behindWriteHeader(bytes, position, offset);
        if (next === undefined) break;
        offset = next;
      }
      if (offset === 0) break;
      position += offset;
    }
    await file.close();
  }
  return { ms: performance.now() - start, records };
}

/** Scan, CRC and replay into the store of 1,000,000 records over `keys` distinct keys. */
async function recovery(keys) {
  const dir = newDir();
  const log = await newLeader(dir);
  for (let index = 0; index < 1_000_000; index += 1) {
    const key = Buffer.from(`key-${String(index % keys).padStart(12, '0')}`);
    log.append([{ op: OP.PUT, key, value: VALUE }]);
    if (index % 1000 === 999) await log.drained();
  }
  await log.close();
  const bareReadMs = async (decoder) => {
    const { ms, records } = await bareRead(dir, decoder);
    assert(records > 1_000_000, 'the bare loop reads every record too');
    return ms;
  };
  await bareReadMs(platformDecoder);
  await bareReadMs(ownDecoder);
  const rounds = [];
  for (let round = 0; round < 5; round += 1) {
    const platform = await bareReadMs(platformDecoder);
    const own = await bareReadMs(ownDecoder);
    const store = new Store({ seed: 1 });
    const start = performance.now();
    const reopened = await openLog(dir, ({ bytes }) => applyRecords(store, bytes));
    const ours = performance.now() - start;
    await reopened.close();
    rounds.push({ platform, own, ours, ratio: platform / ours, ownRatio: own / ours });
  }
  fs.rmSync(dir, { recursive: true });
  const own = `the log's own decoder: ${median(rounds, 'own').toFixed(0)} ms, ${median(rounds, 'ownRatio').toFixed(2)}`;
  return {
    value: median(rounds, 'ours'),
    unit: 'ms',
    base: `read + zlib.crc32 only ${median(rounds, 'platform').toFixed(0)} ms`,
    ratio: median(rounds, 'ratio'),
    note: `1,000,000 records, ${keys.toLocaleString('en-US')} keys, replayed; read with ${own}`,
  };
}

/** Whole batches read back from the files, verified. */
async function reading() {
  const dir = newDir();
  const log = await newLeader(dir);
  for (let index = 0; index < 400_000; index += 1) {
    log.append(OPS);
    if (index % 1000 === 999) await log.drained();
  }
  await log.close();
  const reopened = await openLog(dir);
  const start = performance.now();
  let bytes = 0;
  let lsn = 0;
  for (;;) {
    const chunk = await reopened.chunkAfter(lsn, 256 * 1024);
    if (chunk === undefined) break;
    bytes += chunk.bytes.length;
    ({ lsn } = chunk.last);
  }
  const perSecond = bytes / MiB / ((performance.now() - start) / 1000);
  await reopened.close();
  fs.rmSync(dir, { recursive: true });
  return { value: perSecond, unit: 'MiB/s', note: 'chunkAfter from files, 256 KiB chunks' };
}

export const figures = [
  { name: 'append 100 B, 64 in flight', goal: { least: 24 }, run: append64 },
  { name: 'append 100 B, 4,096 in flight', goal: { least: 0.35 }, run: append4096 },
  { name: 'recovery', goal: { least: 0.5 }, run: () => recovery(100_000) },
  { name: 'recovery, every key new', run: () => recovery(1_000_000) },
  { name: 'read back', run: reading },
];
