import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  decodeEpochRecord,
  encodeEpochRecord,
  VOTERS_MAX,
} from '../../../src/wal/format/epoch-record.ts';
import { pack } from '../../../src/wal/format/msgpack.ts';
import {
  decodeRecord,
  encodeRecord,
  OP,
  recordBytes,
  RecordView,
} from '../../../src/wal/format/record.ts';
import {
  ChainSum,
  decodeSeal,
  encodeSeal,
  firstChain,
  SEAL_BYTES,
  sealBatch,
} from '../../../src/wal/format/seal.ts';
import { batch, FIRST, HISTORY_ID } from '../fixture.ts';

/** Computed in Python from the diagrams: EPOCH 2 of n1 at LSN 1, PUT k = v at LSN 2, and their seal. */
const EPOCH =
  '000000000000000103000000026e31000000240000000000000002ffeeddccbbaa99887766554433221100' +
  '9293a26e31a26e32a26e330227676c27';
const PUT = '000000000000000201000000016b000000017693849955';
const SEAL =
  '0000000000000002040000000000000020000000000000000200000000000003e80000000000000000' +
  '00000002aaba89fd59c71468';

const entry = {
  epoch: 2,
  leader: 'n1',
  firstLsn: 1,
  historyId: HISTORY_ID,
  voters: ['n1', 'n2', 'n3'],
  quorum: 2,
};

function viewOf(bytes: Buffer): RecordView {
  const view = new RecordView();
  expect(decodeRecord(bytes, 0, view)).toBeUndefined();
  return view;
}

describe('seal', () => {
  test('the first chain is the CRC of the cluster id', () => {
    expect(firstChain(Buffer.from('00112233445566778899aabbccddeeff', 'hex'))).toBe(0x8407759b);
  });

  test('a batch has the bytes of the format, chain included', () => {
    const { bytes, state } = batch(FIRST, { epoch: 2, ops: [{ key: 'k', value: 'v' }] });

    expect(bytes.toString('hex')).toBe(EPOCH + PUT + SEAL);
    expect(state).toEqual({ epoch: 2, lsn: 2, chain: 0xaaba89fd });
  });

  test.for([1, 255, 256, 257, 513, 3000])(
    'the chain of %i records is that of their crc fields',
    (count) => {
      const sum = new ChainSum();
      const fields = Buffer.alloc(count * 4);
      sum.start(77);
      for (let index = 0; index < count; index += 1) {
        const crc = Math.imul(index + 1, 0x9e3779b1) >>> 0;
        fields.writeUInt32BE(crc, index * 4);
        sum.add(crc);
      }
      const bytes = Buffer.alloc(SEAL_BYTES, 0xcc);

      const chain = sealBatch(bytes, 0, {
        epoch: 3,
        timeMs: 4,
        commitLsn: 5,
        count,
        lsn: 9000,
        sum,
      });

      const value = bytes.subarray(17, 45);
      expect(chain).toBe(crc32(value, crc32(fields, 77)));
      expect(decodeSeal(viewOf(bytes))).toEqual({
        epoch: 3,
        timeMs: 4,
        commitLsn: 5,
        count,
        chain,
        lsn: 9000,
      });
    },
  );

  test('comes back as it was written', () => {
    const seal = {
      epoch: 2 ** 40,
      timeMs: 1_800_000_000_000,
      commitLsn: 2 ** 33,
      count: 2 ** 31,
      chain: 1,
      lsn: 2 ** 34,
    };
    const bytes = Buffer.alloc(SEAL_BYTES, 0xdd);

    expect(encodeSeal(bytes, 0, seal)).toBe(SEAL_BYTES);
    expect(decodeSeal(viewOf(bytes))).toEqual(seal);
  });

  test.for([
    ['a seal with a key', 'k', 32],
    ["a seal's value of 31 bytes, expected 32", '', 31],
    ["a seal's value of 33 bytes, expected 32", '', 33],
  ] as const)('refuses %s', ([reason, key, valueBytes]) => {
    const bytes = Buffer.alloc(recordBytes(key.length, valueBytes));
    encodeRecord(bytes, 0, {
      lsn: 1,
      op: OP.SEAL,
      key: Buffer.from(key),
      value: Buffer.alloc(valueBytes),
    });

    expect(decodeSeal(viewOf(bytes))).toBe(reason);
  });
});

describe('EPOCH record', () => {
  test('comes back as it was written', () => {
    const bytes = Buffer.from(EPOCH, 'hex');
    const written = Buffer.alloc(bytes.length, 0xdd);

    expect(encodeEpochRecord(written, 0, entry)).toBe(bytes.length);
    expect(written.equals(bytes)).toBe(true);
    expect(decodeEpochRecord(viewOf(bytes))).toEqual(entry);
  });

  test.for([
    ['no msgpack', Buffer.from('')],
    ['a truncated value', Buffer.from('9293a26e31a26e32a26e33', 'hex')],
    ['trailing bytes', Buffer.from('9293a26e31a26e32a26e330200', 'hex')],
    ['a map', Buffer.from('80', 'hex')],
    ['no voters', Buffer.from('929001', 'hex')],
    ['a voter twice', Buffer.from('9292a26e31a26e3101', 'hex')],
    ['a quorum beyond the voters', Buffer.from('9291a26e3102', 'hex')],
    ['a quorum of nobody', Buffer.from('9291a26e3100', 'hex')],
    ['a voter that is a number', Buffer.from('92910101', 'hex')],
    ['a length that lies', Buffer.from('92ddffffffff01', 'hex')],
    ['100,000 nested arrays', Buffer.alloc(100_000, 0x91)],
  ] as const)('refuses %s in its value', ([, tail]) => {
    const value = Buffer.concat([Buffer.from(EPOCH, 'hex').subarray(19, 43), tail]);
    const bytes = Buffer.alloc(recordBytes(2, value.length));
    encodeRecord(bytes, 0, { lsn: 1, op: OP.EPOCH, key: Buffer.from('n1'), value });

    expect(typeof decodeEpochRecord(viewOf(bytes))).toBe('string');
  });

  test('refuses a leader that is not UTF-8', () => {
    const value = viewOf(Buffer.from(EPOCH, 'hex')).value;
    const bytes = Buffer.alloc(recordBytes(1, value.length));
    encodeRecord(bytes, 0, { lsn: 1, op: OP.EPOCH, key: Buffer.from([0xff]), value });

    expect(decodeEpochRecord(viewOf(bytes))).toBe('an EPOCH record whose leader is not a node id');
  });

  test('holds as many voters as the format allows, and is refused with one more', () => {
    const voters = Array.from({ length: VOTERS_MAX }, (_, index) => `n${index + 1}`);
    const recordOf = (named: readonly string[]): Buffer => {
      const value = Buffer.concat([Buffer.from(EPOCH, 'hex').subarray(19, 43), pack([named, 2])]);
      const bytes = Buffer.alloc(recordBytes(2, value.length));
      encodeRecord(bytes, 0, { lsn: 1, op: OP.EPOCH, key: Buffer.from('n1'), value });
      return bytes;
    };

    expect(decodeEpochRecord(viewOf(recordOf(voters)))).toMatchObject({ voters, quorum: 2 });
    expect(decodeEpochRecord(viewOf(recordOf([...voters, 'one more'])))).toContain(
      `1 to ${VOTERS_MAX} voters`,
    );
  });
});
