/** A leader's word that a follower is intact is believed where this node's own disk agrees, and nowhere else. */
import { describe, expect, test } from 'vitest';
import { becomeIntact } from '../../src/follower/become-intact.ts';
import type { FollowerHost } from '../../src/follower/host.ts';
import type { Position } from '../../src/wal/format/position.ts';
import type { VoterState } from '../../src/wal/format/voter-state.ts';

const at = (lsn: number): Position => ({ epoch: 1, lsn, chain: lsn * 7 });

/** A host whose log ends at LSN 9, in batches of three, of which the last is not durable. */
function suspect(state: VoterState = 'suspect') {
  const saved: unknown[] = [];
  const log = {
    durable: at(6),
    chainAt: (lsn: number) => Promise.resolve(lsn % 3 === 0 && lsn <= 9 ? at(lsn) : undefined),
  };
  const host = {
    log,
    state,
    saveState: (...change: unknown[]) => {
      saved.push(change);
      return Promise.resolve();
    },
  } as unknown as FollowerHost;
  const told = (position: Position, current = () => true) =>
    becomeIntact(host, { kind: 'intact', epoch: 1, at: position }, current);
  return { told, saved };
}

describe('a suspect node that is told to be intact', () => {
  test('is, where it is durable there with the same log', async () => {
    const { told, saved } = suspect();

    expect(await told(at(6))).toBeUndefined();
    expect(saved).toEqual([['intact', null]]);
  });

  test.for([
    ['it is not durable there', at(9)],
    ['its log does not reach there', at(12)],
    ['no batch of its own ends there', at(5)],
    ['its log is another one there', { ...at(6), chain: 1 }],
  ] as const)('is not where %s', async ([, position]) => {
    const { told, saved } = suspect();

    expect(await told(position)).toEqual({ reason: expect.stringContaining('not durable at LSN') });
    expect(saved).toEqual([]);
  });

  test('is not where the session is over', async () => {
    const { told, saved } = suspect();

    expect(await told(at(6), () => false)).toBe('overtaken');
    expect(saved).toEqual([]);
  });

  test('writes nothing where it is intact already', async () => {
    const { told, saved } = suspect('intact');

    expect(await told(at(6))).toBeUndefined();
    expect(saved).toEqual([]);
  });
});
