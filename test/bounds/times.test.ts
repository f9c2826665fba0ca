/** Goal: no wait for another node is without an end, and each ends when docs/guarantees.md says. */
import { expect, test } from 'vitest';
import { leaderOf } from '../node/leader-fixture.ts';
import { ID, withReplica } from '../node/replica-fixture.ts';
import { ROUND_GRACE_MS, askRound } from '../../src/node/election/ask-round.ts';
import { ask, ASK_TIMEOUT_MS } from '../../src/node/cluster/peers.ts';
import type { Asked } from '../../src/node/cluster/peers.ts';
import { Scrubber } from '../../src/node/repair/scrubber.ts';
import type { Dialer, Link } from '../../src/ports/link.ts';
import type { Ask } from '../../src/protocol/messages.ts';
import { TICK_MS } from '../../src/ports/tick-timer.ts';
import { simulate } from '../../src/sim/sim-world.ts';
import { KiB } from '../../src/ports/units.ts';
import { OP } from '../../src/wal/format/record.ts';

const PEER = { nodeId: 'n2', address: 'n2:7401' };

/** A peer that takes links, and says nothing on them. */
const mute: Dialer = {
  dial: () => {
    const link: Link = {
      peer: PEER.address,
      bufferedBytes: 0,
      send: () => undefined,
      receive: () => undefined,
      close: () => undefined,
    };
    return Promise.resolve(link);
  },
};

/** An address at which nobody even refuses. */
const unreachable: Dialer = { dial: () => new Promise(() => undefined) };

const QUESTION: Ask = {
  kind: 'ask',
  protocol: 1,
  round: 'dry',
  epoch: 2,
  candidate: 'n1',
  run: ID,
  attempt: ID,
  position: { epoch: 1, lsn: 1, chain: 1 },
  clusterId: ID,
  historyId: ID,
  configHash: ID,
  operator: false,
  forced: null,
};

test.for([
  { name: 'takes the link and says nothing', dialer: mute },
  { name: 'takes no link', dialer: unreachable },
])('a voter that $name counts as silent after the time of one question', ({ dialer }) =>
  simulate(1, async (world) => {
    const clock = world.process();
    const beganMs = clock.nowMs();

    const asked = await ask({ dialer, clock }, PEER, QUESTION);

    expect(asked).toMatchObject({ kind: 'silent', nodeId: 'n2' });
    expect(clock.nowMs() - beganMs).toBe(ASK_TIMEOUT_MS);
  }),
);

test('a round goes on without the rest a moment after there are enough answers, and not before', () =>
  simulate(1, async (world) => {
    const clock = world.process();
    const answers: Readonly<Record<string, number>> = { n1: 10, n2: 200, n3: 100_000 };
    const voters = Object.keys(answers).map((nodeId) => ({ nodeId, address: nodeId }));
    const beganMs = clock.nowMs();

    const asked = await askRound({
      clock,
      voters,
      enough: ({ length }) => length === 2,
      ask: ({ nodeId }) =>
        new Promise<Asked>((resolve) => {
          const answer: Asked = { kind: 'silent', nodeId, message: 'as good as any answer' };
          clock.after(answers[nodeId] ?? 0, () => resolve(answer));
        }),
    });

    expect(clock.nowMs() - beganMs).toBe(200 + ROUND_GRACE_MS);
    expect(asked.map(({ kind }) => kind)).toEqual(['silent', 'silent', 'silent']);
    expect(asked[2]).toMatchObject({ message: expect.stringContaining('no answer') });
  }));

test('a leader that hears of nobody steps down after twice the silence limit, and not before', () =>
  withReplica(async ({ replica, clock }) => {
    const silenceMs = 1_000;
    const ended: string[] = [];
    const leader = leaderOf(replica, clock, {
      voters: ['n1', 'n2', 'n3'],
      quorum: 2,
      proofVoters: 2,
      silenceMs,
      hooks: { ended: ({ code }) => ended.push(code) },
    });
    const ticks = (2 * silenceMs) / TICK_MS;
    for (let tick = 0; tick < ticks; tick += 1) leader.tick();
    expect(ended).toEqual([]);

    leader.tick();

    expect(ended).toEqual(['NO_QUORUM']);
  }));

test('sealed log is read again no faster than it may be', () =>
  withReplica(async ({ replica, disk, clock, world }) => {
    for (let index = 0; index < 40; index += 1) {
      const value = Buffer.alloc(4 * KiB, index);
      replica.log.append([{ op: OP.PUT, key: Buffer.from('k'), value }]);
      await replica.log.drained();
    }
    const bytesPerSecond = 16 * KiB;
    const scrubber = new Scrubber({
      replica,
      disk: disk.mount(clock as Parameters<typeof disk.mount>[0]),
      clock,
      entropy: disk.entropy,
      dialer: unreachable,
      peers: () => [],
      bytesPerSecond,
      onEvent: () => undefined,
    });
    scrubber.start();
    await world.pass(4_000);

    const { scrubbedBytes } = scrubber.status;
    expect(scrubbedBytes).toBeGreaterThan(2 * bytesPerSecond);
    // The piece that was begun is counted as it is read, and waited for afterwards.
    expect(scrubbedBytes).toBeLessThanOrEqual(4 * bytesPerSecond + 16 * KiB + 4 * KiB);
    await scrubber.close();
  }));
