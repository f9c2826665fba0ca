import { describe, expect, test } from 'vitest';
import { WalshipError } from '../../../src/errors.ts';
import {
  DiskWatch,
  handOverTo,
  UNWRITABLE_HAND_OVER_MS,
  voterWithRoom,
} from '../../../src/node/status/disk-watch.ts';
import type { RoomFacts } from '../../../src/node/status/disk-watch.ts';
import type { NodeEvent } from '../../../src/node/api/events.ts';
import { TICK_MS } from '../../../src/ports/tick-timer.ts';

const n2: RoomFacts = { nodeId: 'n2', counts: true, writable: true, durableLsn: 5 };
const n3: RoomFacts = { nodeId: 'n3', counts: true, writable: true, durableLsn: 5 };

describe('a leader without room hands over', () => {
  test.for<[string, readonly RoomFacts[], string | undefined]>([
    ['to nobody who has no room either', [{ ...n2, writable: false }], undefined],
    ['to no learner, and nobody suspect', [{ ...n2, counts: false }], undefined],
    ['to nobody where nobody is in session', [], undefined],
    ['to the one that has more of the log', [n2, { ...n3, durableLsn: 6 }], 'n3'],
    ['to the first by name, of two that have as much', [n3, n2], 'n2'],
    ['to the one with room', [{ ...n2, writable: false }, n3], 'n3'],
  ])('%s', ([, followers, expected]) => {
    expect(voterWithRoom(followers)).toBe(expected);
    const facts = { failover: 'auto', unwritableMs: UNWRITABLE_HAND_OVER_MS, followers } as const;
    expect(handOverTo(facts)).toBe(expected);
  });

  test('by itself only after a while, and where failover is automatic', () => {
    const facts = {
      failover: 'auto',
      unwritableMs: UNWRITABLE_HAND_OVER_MS,
      followers: [n2],
    } as const;

    expect(handOverTo(facts)).toBe('n2');
    expect(handOverTo({ ...facts, unwritableMs: UNWRITABLE_HAND_OVER_MS - 1 })).toBeUndefined();
    expect(handOverTo({ ...facts, failover: 'manual' })).toBeUndefined();
  });
});

interface Watched {
  readonly watch: DiskWatch;
  readonly events: NodeEvent[];
  readonly asked: string[];
  full: WalshipError | undefined;
  leads: boolean;
  settle: (error?: Error) => void;
}

function watched(): Watched {
  const watch = new DiskWatch({
    failover: 'auto',
    unwritable: () => stage.full,
    followers: () => (stage.leads ? [n2] : undefined),
    handOver: (to) => {
      stage.asked.push(to);
      return new Promise<void>((done, failed) => {
        stage.settle = (error) => (error === undefined ? done() : failed(error));
      });
    },
    onEvent: (event) => stage.events.push(event),
  });
  const stage: Watched = {
    watch,
    events: [],
    asked: [],
    full: undefined,
    leads: true,
    settle: () => undefined,
  };
  return stage;
}

const FULL = new WalshipError('DISK_FULL', 'write of /d/wal/spare.tmp: ENOSPC');
const TICKS = Math.ceil(UNWRITABLE_HAND_OVER_MS / TICK_MS);

function pass({ watch }: Watched, ticks: number): void {
  for (let tick = 0; tick < ticks; tick += 1) watch.tick();
}

describe('a node watches its disk and', () => {
  test('tells once that it takes nothing, and once that it does again', () => {
    const stage = watched();
    stage.leads = false;
    pass(stage, 3);
    stage.full = FULL;
    pass(stage, 3 * TICKS);
    stage.full = undefined;
    pass(stage, 3);

    expect(stage.events.map(({ code }) => code)).toEqual(['DISK_FULL', 'DISK_WRITABLE']);
    expect(stage.asked).toEqual([]);
  });

  test('hands the lead over once, and again only where that failed, after as long', async () => {
    const stage = watched();
    stage.full = FULL;
    pass(stage, TICKS - 1);
    expect(stage.asked).toEqual([]);
    pass(stage, 5 * TICKS);
    expect(stage.asked).toEqual(['n2']);

    stage.settle(new Error('it was cut off'));
    await Promise.resolve();
    await Promise.resolve();
    pass(stage, TICKS - 1);
    expect(stage.asked).toEqual(['n2']);
    pass(stage, 1);

    expect(stage.asked).toEqual(['n2', 'n2']);
  });

  test('counts only the time in which it leads', () => {
    const stage = watched();
    stage.full = FULL;
    stage.leads = false;
    pass(stage, 2 * TICKS);
    stage.leads = true;
    pass(stage, TICKS - 1);

    expect(stage.asked).toEqual([]);
  });
});
