import { describe, expect, test } from 'vitest';
import { decide, pauseMs, PAUSE_MS_MAX } from '../../src/client/retry.ts';
import type { Decision, FailedAttempt, Failure } from '../../src/client/retry.ts';
import { ERRORS } from '../../src/errors.ts';
import type { ErrorCode, Outcome } from '../../src/errors.ts';

const VERSION = { epoch: 3, lsn: 9 };

function failure(code: ErrorCode, outcome?: Outcome, details: Failure['details'] = {}): Failure {
  return { code, outcome, details };
}

function attempt(changes: Partial<FailedAttempt> & { failure: Failure }): FailedAttempt {
  return {
    kind: 'write',
    guarded: false,
    ack: 'quorum',
    unsure: false,
    attempts: 1,
    nodes: 3,
    leftMs: 1_000,
    knewVersion: undefined,
    ...changes,
  };
}

const NEXT: Decision = { kind: 'again', where: 'next', pause: false };
const giveUp = (outcome: Outcome | undefined): Decision => ({ kind: 'give-up', outcome });

describe('a write that was rejected', () => {
  test.for([
    ['NO_LEADER', NEXT],
    ['NO_QUORUM', NEXT],
    ['NOT_READY', NEXT],
    ['NODE_CLOSED', NEXT],
    ['PEER_UNREACHABLE', NEXT],
    ['STALE_EPOCH', NEXT],
    ['BUSY', { kind: 'again', where: 'here', pause: true }],
    ['CONDITION_FAILED', giveUp('rejected')],
    ['DISK_FULL', giveUp('rejected')],
    ['KEY_INVALID', giveUp('rejected')],
    ['LSN_REPLACED', giveUp('rejected')],
    ['TXN_TOO_LARGE', giveUp('rejected')],
  ] as const)('with %s', ([code, decision]) => {
    expect(decide(attempt({ failure: failure(code, 'rejected') }))).toEqual(decision);
  });

  test('is not sent again when the time is over', () => {
    const over = attempt({ failure: failure('NO_LEADER', 'rejected'), leftMs: 0 });

    expect(decide(over)).toEqual(giveUp('rejected'));
  });

  test.for([
    [1, false],
    [2, false],
    [3, true],
    [6, true],
  ] as const)('pauses when all three nodes were asked: attempt %i', ([attempts, pause]) => {
    const again = attempt({ failure: failure('PEER_UNREACHABLE', 'rejected'), attempts });

    expect(decide(again)).toEqual({ ...NEXT, pause });
  });

  test('follows three redirects at once, then pauses: two nodes may take each other for the leader', () => {
    const details = { leader: '127.0.0.1:1', leaderId: 'n2' };
    const pauses = [1, 2, 3, 4].map((attempts) => {
      const redirected = failure('NO_LEADER', 'rejected', details);
      const decision = decide(attempt({ failure: redirected, attempts, nodes: 1 }));
      return decision.kind === 'again' && decision.pause;
    });

    expect(pauses).toEqual([false, false, true, false]);
  });
});

describe('a write that is indeterminate', () => {
  const lost = failure('PEER_UNREACHABLE', 'indeterminate');
  const known = failure('STALE_EPOCH', 'indeterminate', { version: '3.9' });

  test('is never sent again where it has no condition on an exact version', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      for (const outcome of ['indeterminate', undefined] as const) {
        const decision = decide(attempt({ failure: failure(code, outcome) }));
        expect(decision).toEqual(giveUp('indeterminate'));
      }
    }
  });

  test('is sent again where it can have an effect only once', () => {
    expect(decide(attempt({ failure: lost, guarded: true }))).toEqual(NEXT);
  });

  test('is asked about where its version is known, guarded or not', () => {
    const resolve: Decision = { kind: 'resolve', version: VERSION };

    expect(decide(attempt({ failure: known }))).toEqual(resolve);
    expect(decide(attempt({ failure: known, guarded: true }))).toEqual(resolve);
  });

  test('at `all` is not resolved by a commit', () => {
    expect(decide(attempt({ failure: known, ack: 'all' }))).toEqual(giveUp('indeterminate'));
  });

  test('stays so when the time is over', () => {
    const over = { failure: known, guarded: true, leftMs: 0 };

    expect(decide(attempt(over))).toEqual(giveUp('indeterminate'));
  });
});

describe('a write of which an earlier attempt is unsure', () => {
  const condition = (version: string | null): Failure =>
    failure('CONDITION_FAILED', 'rejected', { version });

  test.for([
    ['the key changed since: it may have been us', condition('3.10'), 'indeterminate'],
    ['the key is gone: we may have been there before', condition(null), 'indeterminate'],
    ['the key has not changed since', condition('3.9'), 'rejected'],
    ['the condition was cut off, and we with it', failure('LSN_REPLACED', 'rejected'), 'rejected'],
    ['nobody leads until the time is over', failure('NO_LEADER', 'rejected'), 'indeterminate'],
  ] as const)('%s', ([, last, outcome]) => {
    const leftMs = last.code === 'NO_LEADER' ? 0 : 1_000;
    const unsure = { guarded: true, unsure: true, knewVersion: VERSION, leftMs };

    expect(decide(attempt({ ...unsure, failure: last }))).toEqual(giveUp(outcome));
  });

  test('is indeterminate where nothing was known before', () => {
    const unsure = attempt({ failure: condition('3.2'), guarded: true, unsure: true });

    expect(decide(unsure)).toEqual(giveUp('indeterminate'));
  });
});

describe('a read', () => {
  test.for([
    ['PEER_UNREACHABLE', NEXT],
    ['WAIT_TIMEOUT', NEXT],
    ['NODE_CLOSED', NEXT],
    ['WRONG_CLUSTER', NEXT],
    ['LSN_REPLACED', giveUp(undefined)],
    ['KEY_INVALID', giveUp(undefined)],
    ['PURGED', giveUp(undefined)],
    ['INTERNAL', giveUp(undefined)],
  ] as const)('that failed with %s', ([code, decision]) => {
    expect(decide(attempt({ kind: 'read', failure: failure(code) }))).toEqual(decision);
  });
});

describe('pauses', () => {
  test('grow, are spread, and end with the call', () => {
    expect(pauseMs(0, 0, 1_000)).toBe(10);
    expect(pauseMs(0, 0.5, 1_000)).toBe(15);
    expect(pauseMs(100, 0.999, 1_000)).toBeLessThanOrEqual(PAUSE_MS_MAX);
    expect(pauseMs(100, 0, 1_000)).toBe(PAUSE_MS_MAX / 2);
    expect(pauseMs(100, 0.5, 7)).toBe(7);
  });
});
