import { expect, test } from 'vitest';
import { LINK_BYTES_MAX, BufferPool } from '../../src/leader/buffer-pool.ts';

test('buffers are used again while they are needed, as many as a link takes at a time', () => {
  const buffers = new BufferPool();
  const first = Array.from({ length: 40 }, () => buffers.take());
  for (const buffer of first) buffers.giveBack(buffer);
  buffers.tick();
  const second = Array.from({ length: 40 }, () => buffers.take());

  const again = second.filter((buffer) => first.includes(buffer));
  expect(again.length).toBe(LINK_BYTES_MAX / (256 * 1024));
  expect(new Set(second).size).toBe(40);
});

test('buffers that nobody needed between two ticks are given up', { tags: ['slow'] }, () => {
  const buffers = new BufferPool();
  const buffer = buffers.take();
  buffers.tick();
  buffers.giveBack(buffer);
  buffers.tick();

  expect(buffers.take()).not.toBe(buffer);
});
