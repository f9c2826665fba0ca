import { describe, expect, test } from 'vitest';
import { Replay, REPLAY_HELD_BYTES_MAX } from '../../../src/node/replica/replay.ts';

function replaying(known = { from: 0, committedLsn: 0 }) {
  const applied: string[] = [];
  const replay = new Replay((bytes) => void applied.push(bytes.toString()), known);
  const batch = (lsn: number, commitLsn: number, bytes = Buffer.from(`batch ${lsn}`)): void => {
    replay.batch({ bytes, last: { epoch: 1, lsn, chain: 0 }, commitLsn });
    // The bytes are valid during the call only.
    bytes.fill(0);
  };
  return { replay, applied, batch };
}

describe('a replay', () => {
  test('applies a batch once a seal at or behind it says that it is committed, and not before', () => {
    const { replay, applied, batch } = replaying();
    batch(1, 0);
    batch(2, 0);
    expect(applied).toEqual([]);
    expect(replay.appliedLsn).toBe(0);

    batch(3, 1);
    expect(applied).toEqual(['batch 1']);
    batch(4, 3);

    expect(applied).toEqual(['batch 1', 'batch 2', 'batch 3']);
    expect(replay.appliedLsn).toBe(3);
  });

  test('applies nothing of the last batches that no seal calls committed', () => {
    const { replay, applied, batch } = replaying();
    batch(1, 0);
    batch(2, 1);

    expect(applied).toEqual(['batch 1']);
    expect(replay.appliedLsn).toBe(1);
  });

  test('takes what a snapshot holds for committed', () => {
    const { replay, applied, batch } = replaying({ from: 5, committedLsn: 7 });
    expect(replay.appliedLsn).toBe(5);
    for (const lsn of [6, 7, 8]) batch(lsn, 0);

    expect(applied).toEqual(['batch 6', 'batch 7']);
  });

  test('stops where it would hold too much, and applies nothing behind that', () => {
    const { replay, applied, batch } = replaying();
    batch(1, 0, Buffer.alloc(REPLAY_HELD_BYTES_MAX));
    batch(2, 0);
    batch(3, 3);

    expect(applied).toEqual([]);
    expect(replay.appliedLsn).toBe(0);
  });
});
