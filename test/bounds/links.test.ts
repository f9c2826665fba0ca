/**
 * Goal: links between nodes are bounded in number, in time and in bytes; a link too many is closed with a reason, the others go on, and buffer
 * comes back.
 * Method: links whose other end is the test; a real log on a simulated disk.
 */
import { expect, test } from 'vitest';
import { InFlight, IN_FLIGHT_BYTES_MAX } from '../../src/leader/in-flight.ts';
import { BufferPool } from '../../src/leader/buffer-pool.ts';
import { SNAPSHOT_IN_FLIGHT_BYTES_MAX, SnapshotSender } from '../../src/leader/snapshot-sender.ts';
import { INTAKE_BYTES_MAX, SnapshotIntake } from '../../src/follower/snapshot-intake.ts';
import type { RoleDriver } from '../../src/node/role/role-driver.ts';
import {
  FIRST_MESSAGE_MS,
  PeerServer,
  UNDECIDED_LINKS_MAX,
} from '../../src/node/role/peer-server.ts';
import { FETCH_IDLE_MS, FETCH_LINKS_MAX, FetchServer } from '../../src/node/repair/serve-fetch.ts';
import type { Link, LinkHandlers } from '../../src/ports/link.ts';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import { FRAME_BYTES_MAX } from '../../src/protocol/messages.ts';
import type { Fetch } from '../../src/protocol/messages.ts';
import { append, ID, withReplica } from '../node/replica-fixture.ts';

/** The end of a link that the code under test holds, and what it said and did there. */
interface End {
  readonly link: Link;
  readonly sent: string[];
  readonly closed: () => string | undefined;
  readonly say: (message: Parameters<typeof encodeMessage>[0]) => void;
}

function open(): End {
  const seen: { handlers?: LinkHandlers; closed?: string } = {};
  const sent: string[] = [];
  const link: Link = {
    peer: 'a peer',
    bufferedBytes: 0,
    send: (message, done) => {
      const decoded = decodeMessage(message);
      sent.push(decoded.kind === 'message' ? decoded.message.kind : decoded.kind);
      done?.();
    },
    receive: (handlers) => {
      seen.handlers = handlers;
    },
    close: (reason) => {
      if (seen.closed !== undefined) return;
      seen.closed = reason;
      seen.handlers?.onClose(reason);
    },
  };
  return {
    link,
    sent,
    closed: () => seen.closed,
    say: (message) => seen.handlers?.onMessage(encodeMessage(message)),
  };
}

test('for one more link that has not said what it wants the oldest such one gives way; the others are heard, and silent ones are closed', () =>
  withReplica(async ({ replica, clock, world }) => {
    const reception = new PeerServer({
      clock,
      run: ID,
      // No link of this test is a hello or an ask.
      roleDriver: undefined as unknown as RoleDriver,
      replica,
      onPeerFault: () => undefined,
    });
    const before = Array.from({ length: UNDECIDED_LINKS_MAX }, open);
    for (const { link } of before) reception.accept(link);

    const oneMore = open();
    reception.accept(oneMore.link);
    expect(oneMore.closed()).toBeUndefined();

    const [oldest, first] = before;
    expect(oldest?.closed()).toMatch(/^BUSY/);
    first?.say({ kind: 'identify' });
    expect(first?.sent).toEqual(['identity']);
    const inItsPlace = open();
    reception.accept(inItsPlace.link);
    expect(inItsPlace.closed()).toBeUndefined();

    await world.pass(FIRST_MESSAGE_MS);
    expect(before[2]?.closed()).toMatch(/^PROTOCOL_ERROR/);
    const afterwards = Array.from({ length: UNDECIDED_LINKS_MAX }, open);
    for (const { link } of afterwards) reception.accept(link);
    expect(afterwards.every(({ closed }) => closed() === undefined)).toBe(true);
  }));

test('one more peer that fetches log is BUSY; those before get theirs, and one that asks no more gives up its place', () =>
  withReplica(async ({ replica, clock, world }) => {
    append(replica);
    await replica.log.drained();
    const server = new FetchServer({ log: replica.log, clock });
    const chain = await replica.log.chainAt(1);
    if (chain === undefined) throw new Error('no batch ends at LSN 1');
    const fetch: Fetch = {
      kind: 'fetch',
      protocol: 1,
      clusterId: ID,
      after: chain,
      pieceIndex: 0,
    };
    const before = Array.from({ length: FETCH_LINKS_MAX }, open);
    for (const { link } of before) server.accept(link, fetch);

    const oneMore = open();
    server.accept(oneMore.link, fetch);
    expect(oneMore.closed()).toMatch(/^BUSY/);
    await world.pass(100);
    expect(before.map(({ sent }) => sent)).toEqual(before.map(() => ['frame']));

    await world.pass(FETCH_IDLE_MS);
    expect(before.every(({ closed }) => closed() !== undefined)).toBe(true);
    const next = open();
    server.accept(next.link, fetch);
    await world.pass(100);
    expect(next.sent).toEqual(['frame']);
  }));

test('what is sent to a follower waits once as much as the bound is not acknowledged, and goes on with an ack', () => {
  const inFlight = new InFlight();
  const count = IN_FLIGHT_BYTES_MAX / FRAME_BYTES_MAX;
  for (let lsn = 1; lsn <= count; lsn += 1) {
    expect(inFlight.full).toBe(false);
    inFlight.send({ epoch: 1, lsn, chain: lsn }, FRAME_BYTES_MAX);
  }

  expect(inFlight.full).toBe(true);
  expect(inFlight.acknowledge(1)).toEqual({ epoch: 1, lsn: 1, chain: 1 });
  expect(inFlight.full).toBe(false);
});

test('a snapshot is sent no further ahead than the bound, and goes on with what was taken in', () =>
  withReplica(async ({ world }) => {
    const { link, sent } = open();
    const digest = 'd'.repeat(64);
    const sender = new SnapshotSender({
      source: {
        path: '/data/snapshots/1.snap',
        start: { epoch: 1, lsn: 1, chain: 1 },
        endLsn: 1,
        digest,
        bytes: 4 * SNAPSHOT_IN_FLIGHT_BYTES_MAX,
        open: () =>
          Promise.resolve({
            read: (target: Buffer) => Promise.resolve(target.length),
            close: () => Promise.resolve(),
          }),
      },
      link,
      epoch: 1,
      buffers: new BufferPool(),
      onFailed: (reason) => {
        throw new Error(reason);
      },
    });
    const ahead = SNAPSHOT_IN_FLIGHT_BYTES_MAX / FRAME_BYTES_MAX;

    expect(sender.receive({ kind: 'want', epoch: 1, digest, offset: 0 })).toBeUndefined();
    await world.pass(10);
    expect(sent).toHaveLength(ahead);

    expect(sender.receive({ kind: 'got', epoch: 1, offset: FRAME_BYTES_MAX })).toBeUndefined();
    await world.pass(10);
    expect(sent).toHaveLength(ahead + 1);
    sender.close();
  }));

test('a leader that sends a snapshot further ahead than it may ends the session, and as far as it may does not', async () => {
  const digest = 'd'.repeat(64);
  const bytes = 2 * INTAKE_BYTES_MAX;
  const results = [];
  for (const over of [0, 1]) {
    let current = true;
    const intake = new SnapshotIntake({
      epoch: 1,
      // A disk that writes nothing for now.
      open: () =>
        Promise.resolve({
          offset: 0,
          add: () => new Promise<undefined>(() => undefined),
          install: () => Promise.resolve(undefined),
          close: () => Promise.resolve(),
        }),
      send: () => undefined,
      begun: () => undefined,
      current: () => current,
    });
    const running = intake.run();
    intake.receive({ kind: 'offer', epoch: 1, digest, bytes, endLsn: 1 });
    await new Promise((resolve) => setImmediate(resolve));
    for (let offset = 0; offset < INTAKE_BYTES_MAX; offset += FRAME_BYTES_MAX) {
      intake.receive({ kind: 'piece', epoch: 1, offset, bytes: Buffer.alloc(FRAME_BYTES_MAX) });
    }
    if (over === 1) {
      const piece = { offset: INTAKE_BYTES_MAX, bytes: Buffer.alloc(1) };
      intake.receive({ kind: 'piece', epoch: 1, ...piece });
    }
    await new Promise((resolve) => setImmediate(resolve));
    current = false;
    intake.end();
    results.push(await running);
  }

  expect(results).toEqual([
    { kind: 'overtaken' },
    { kind: 'invalid', reason: 'more pieces ahead than allowed' },
  ]);
});
