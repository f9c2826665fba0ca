/**
 * A reader written from docs/wal-format.md alone: it shares no code with src/, and checks headers, CRCs, LSNs, counts and chains
 * of a real directory. Run it by hand: `node test/wal/independent-reader.ts DIR` (Node 24).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

export interface IndependentResult {
  readonly segments: number;
  readonly records: number;
  readonly batches: number;
  readonly lsn: number;
  readonly epoch: number;
  readonly chain: number;
}

const must = (fact: boolean, words: string): void => {
  if (!fact) throw new Error(words);
};

export function readIndependently(dir: string): IndependentResult {
  const names = readdirSync(join(dir, 'wal')).filter((name) => /^\d{20}\.wal$/.test(name));
  let [lsn, epoch, chain, records, batches] = [0, 0, 0, 0, 0];
  for (const [index, name] of names.toSorted().entries()) {
    const file = readFileSync(join(dir, 'wal', name));
    must(file.toString('latin1', 0, 8) === 'WALSHIP\n', `${name}: magic`);
    must(file.readUInt16BE(8) === 1 && file.readUInt32BE(12) === 64, `${name}: format`);
    must(file.readUInt32BE(60) === crc32(file.subarray(0, 60)), `${name}: header crc`);
    if (index === 0) {
      lsn = Number(file.readBigUInt64BE(32)) - 1;
      epoch = Number(file.readBigUInt64BE(40));
      chain = file.readUInt32BE(48);
      if (lsn === 0) must(chain === crc32(file.subarray(16, 32)), `${name}: first chain`);
    }
    const here = [
      Number(file.readBigUInt64BE(32)),
      Number(file.readBigUInt64BE(40)),
      file.readUInt32BE(48),
    ];
    must(here.join() === [lsn + 1, epoch, chain].join(), `${name}: does not continue`);
    must(Number(name.slice(0, 20)) === lsn + 1, `${name}: named after another LSN`);
    let fields: Buffer[] = [];
    let [at, end, number] = [64, 64, 0];
    for (;;) {
      if (at === end) {
        must(fields.length === 0, `${name} at ${at}: a write ends inside a batch`);
        const start = Math.ceil(end / 512) * 512;
        if (file.subarray(start, start + 32).every((byte) => byte === 0xa7)) break;
        const header = file.subarray(start, start + 32);
        must(header.subarray(0, 8).equals(file.subarray(52, 60)), `${name} at ${start}: salt`);
        must(header.readUInt32BE(28) === crc32(header.subarray(0, 28)), `${name} at ${start}: crc`);
        must(header.readUInt32BE(8) > number, `${name} at ${start}: number`);
        must(Number(header.readBigUInt64BE(16)) === lsn + 1, `${name} at ${start}: first lsn`);
        number = header.readUInt32BE(8);
        at = start + 32;
        end = at + header.readUInt32BE(12);
      }
      const keyLength = file.readUInt32BE(at + 9);
      const valueAt = at + 17 + keyLength;
      const crcAt = valueAt + file.readUInt32BE(valueAt - 4);
      must(file.readUInt32BE(crcAt) === crc32(file.subarray(at, crcAt)), `${name} at ${at}: crc`);
      const op = file[at + 8];
      must(
        Number(file.readBigUInt64BE(at)) === lsn + fields.length + (op === 4 ? 0 : 1),
        `${name} at ${at}: lsn`,
      );
      if (op === 4) {
        must(file.readUInt32BE(valueAt + 24) === fields.length, `${name} at ${at}: count`);
        must(Number(file.readBigUInt64BE(valueAt)) === epoch, `${name} at ${at}: epoch`);
        chain = crc32(Buffer.concat([...fields, file.subarray(valueAt, valueAt + 28)]), chain);
        must(file.readUInt32BE(valueAt + 28) === chain, `${name} at ${at}: chain`);
        lsn += fields.length;
        records += fields.length;
        batches += 1;
        fields = [];
      } else {
        if (op === 3) epoch = Number(file.readBigUInt64BE(valueAt));
        fields.push(file.subarray(crcAt, crcAt + 4));
      }
      at = crcAt + 4;
      must(at <= end, `${name} at ${at}: beyond its write`);
    }
    const rest = file.subarray(Math.ceil(end / 512) * 512);
    must(
      rest.every((byte) => byte === 0xa7),
      `${name}: something behind the end`,
    );
  }
  return { segments: names.length, records, batches, lsn, epoch, chain };
}

if (process.argv[1] === import.meta.filename) {
  console.log(readIndependently(process.argv[2] ?? '.'));
}
