import { describe, expect, test } from 'vitest';
import { LocalAckMemory } from '../../../src/node/replica/local-acks.ts';
import type { EpochEntry } from '../../../src/wal/format/position.ts';

function entry(epoch: number, firstLsn: number): EpochEntry {
  return { epoch, firstLsn, leader: 'n1', historyId: 'a'.repeat(32), voters: ['n1'], quorum: 1 };
}

describe('what is known of writes acknowledged at local in a tail', () => {
  test('yes where this run acknowledged one of them', () => {
    const memory = new LocalAckMemory();
    memory.leads(2);
    memory.acknowledged(15);

    expect(memory.above(14, [entry(1, 1), entry(2, 10)])).toBe('yes');
  });

  test('no where this run led all of it and acknowledged none', () => {
    const memory = new LocalAckMemory();
    memory.leads(2);
    memory.acknowledged(15);

    expect(memory.above(15, [entry(1, 1), entry(2, 10)])).toBe('no');
    expect(memory.above(9, [entry(1, 1), entry(2, 10)])).toBe('yes');
  });

  test('unknown where another node, or an earlier run, led a part of it', () => {
    const memory = new LocalAckMemory();
    memory.leads(2);

    expect(memory.above(8, [entry(1, 1), entry(2, 10)])).toBe('unknown');
    expect(memory.above(9, [entry(1, 1), entry(2, 10)])).toBe('no');
    expect(memory.above(12, [entry(1, 1), entry(2, 10), entry(3, 14)])).toBe('unknown');
  });

  test('an LSN that was cut off and used again was not acknowledged yet', () => {
    const memory = new LocalAckMemory();
    memory.leads(2);
    memory.acknowledged(15);
    memory.cut(12);
    memory.leads(4);

    expect(memory.above(12, [entry(2, 10), entry(4, 13)])).toBe('no');
  });
});
