import { describe, expect, test } from 'vitest';
import { FRAME_BYTES_MAX } from '../../src/protocol/messages.ts';
import type { Frame } from '../../src/protocol/messages.ts';
import { framesOf, PieceAssembler } from '../../src/protocol/pieces.ts';

const previous = { epoch: 1, lsn: 5, chain: 9 };
const context = { epoch: 2, commitLsn: 4 };
const batch = Buffer.from(
  Array.from({ length: 2 * FRAME_BYTES_MAX + 1 }, (_, index) => (index * 31) % 251),
);

describe('a batch in pieces', () => {
  test.for([0, 1, FRAME_BYTES_MAX])('of %i bytes goes in one frame', (length) => {
    expect(framesOf({ bytes: batch.subarray(0, length), previous }, context)).toHaveLength(1);
  });

  test('that is larger than a frame comes back whole', { tags: ['slow'] }, () => {
    const assembler = new PieceAssembler((bytes) => Buffer.allocUnsafeSlow(bytes));
    const frames = framesOf({ bytes: batch, previous }, context);

    const results = frames.map((frame) => assembler.add(frame));

    expect(frames.map(({ bytes }) => bytes.length)).toEqual([FRAME_BYTES_MAX, FRAME_BYTES_MAX, 1]);
    expect(results.map(({ kind }) => kind)).toEqual(['more', 'more', 'whole']);
    expect(results[2]).toEqual({ kind: 'whole', bytes: batch, previous });
    expect(assembler.pendingBytes).toBe(0);
  });

  test('is copied piece by piece: a message is not valid for long', () => {
    const assembler = new PieceAssembler((bytes) => Buffer.allocUnsafeSlow(bytes));
    for (const frame of framesOf({ bytes: batch, previous }, context)) {
      const scratch = Buffer.from(frame.bytes);
      const result = assembler.add({ ...frame, bytes: scratch });
      if (result.kind === 'whole') expect(result.bytes.equals(batch)).toBe(true);
      else scratch.fill(0);
    }
  });

  test.for<[string, (frames: Frame[]) => (Frame | undefined)[]]>([
    ['does not begin with the first', ([, b]) => [b]],
    ['leaves one out', ([a, , c]) => [a, c]],
    ['repeats one', ([a]) => [a, a]],
    ['changes the count', ([a, b]) => [a, b && { ...b, pieceCount: 4 }]],
    ['changes the epoch', ([a, b]) => [a, b && { ...b, epoch: 3 }]],
    ['changes the LSN before', ([a, b]) => [a, b && { ...b, previous: { ...previous, lsn: 6 } }]],
    [
      'changes the chain before',
      ([a, b]) => [a, b && { ...b, previous: { ...previous, chain: 8 } }],
    ],
    [
      'changes the epoch before',
      ([a, b]) => [a, b && { ...b, previous: { ...previous, epoch: 2 } }],
    ],
    [
      'is interrupted by a whole batch',
      ([a, b]) => [a, b && { ...b, pieceIndex: 0, pieceCount: 1 }],
    ],
    ['has an empty piece', ([a, b]) => [a, b && { ...b, bytes: Buffer.alloc(0) }]],
  ])('is refused when it %s', ([, spoil]) => {
    const assembler = new PieceAssembler((bytes) => Buffer.allocUnsafeSlow(bytes));
    const results = spoil(framesOf({ bytes: batch, previous }, context)).map(
      (frame) => frame && assembler.add(frame),
    );

    expect(results.at(-1)?.kind).toBe('invalid');
    expect(assembler.pendingBytes).toBe(0);
  });
});
