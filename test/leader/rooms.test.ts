import { expect, test } from 'vitest';
import { LINK_BYTES_MAX, Rooms } from '../../src/leader/rooms.ts';

test('rooms are used again while they are needed, as many as a link takes at a time', () => {
  const rooms = new Rooms();
  const first = Array.from({ length: 40 }, () => rooms.take());
  for (const room of first) rooms.giveBack(room);
  rooms.tick();
  const second = Array.from({ length: 40 }, () => rooms.take());

  const again = second.filter((room) => first.includes(room));
  expect(again.length).toBe(LINK_BYTES_MAX / (256 * 1024));
  expect(new Set(second).size).toBe(40);
});

test('rooms that nobody needed between two ticks are given up', { tags: ['slow'] }, () => {
  const rooms = new Rooms();
  const room = rooms.take();
  rooms.tick();
  rooms.giveBack(room);
  rooms.tick();

  expect(rooms.take()).not.toBe(room);
});
