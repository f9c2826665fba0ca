/**
 * Goal: a local read that showed what was never committed is found, though its writer was told that nobody knows; and nothing else is.
 * Method: a write of epoch 1 is read on one node, and epoch 2 goes on without it, or with it.
 */
import { describe, expect, test } from 'vitest';
import { judge } from '../../../src/drill/judge/judge.ts';
import type { Recording } from '../../../src/drill/recording/recording.ts';
import type { FailoverResult } from '../../../src/node/api/api.ts';
import type { Version } from '../../../src/wal/format/position.ts';
import {
  FAULT_MS,
  LOAD_END_MS,
  RecordingBuilder,
  statusOf,
  version,
} from '../recording-builder.ts';

const KEY = 'reg/5';

interface Change {
  /** Whether the write is in the log that goes on. */
  readonly kept?: boolean;
  /** What a leadership told of where it began, behind the write: of epoch 2, or of one that committed nothing. */
  readonly told?: { readonly epoch: number; readonly behind: number };
  readonly forced?: boolean;
}

/** An indeterminate write, seen by a local read of n3; then epoch 2 (3 where 2 was told of by one that committed nothing) goes on. */
function recordingOf({ kept = false, told, forced = false }: Change): Recording {
  const builder = new RecordingBuilder();
  if (forced) builder.loss = 'forced';
  builder.until(FAULT_MS);
  const before = { epoch: 1, lsn: builder.lsn };
  builder.register(KEY, 'seen', { kind: 'indeterminate', version: undefined });
  builder.readLocally(KEY);
  if (!kept) {
    builder.forget(KEY);
    builder.lsn = before.lsn;
  }
  builder.epoch = told?.epoch === 2 ? 3 : 2;
  // The record with which the leadership begins.
  builder.lsn += 1;
  const atMs = builder.tick();
  builder.until(LOAD_END_MS);
  const after = { epoch: 1, lsn: before.lsn + (told?.behind ?? 0), chain: 1 };
  const leadership = { epoch: told?.epoch ?? 0, after, atRisk: null } as const;
  const sample = {
    atMs,
    tookMs: 1,
    nodeId: 'n2',
    status: statusOf('n2', after, {
      leadership: { ...leadership, how: 'promises', promisedBy: [], vouchedBy: [], outageMs: 1 },
    }),
  };
  return builder.build({
    samples: told === undefined ? [] : [sample],
    timeline: forced ? [forcedAt(atMs, before)] : [],
  });
}

function forcedAt(atMs: number, kept: Version): Recording['timeline'][number] {
  const risk = { some: true, fromLsn: kept.lsn + 1, toLsn: 'unknown', message: 'so' } as const;
  const body: Partial<FailoverResult> = { done: true, epoch: 2, kept, risk };
  const answer = { ok: true, code: undefined, text: 'done', body };
  return { atMs, kind: 'operator', text: 'forced', nodes: ['n3'], expected: 'done', answer };
}

function localReads(recording: Recording): string {
  const check = judge(recording).checks.find(({ code }) => code === 'LOCAL_READS');
  return check?.passed === true ? 'ok' : (check?.message ?? '');
}

describe('a local read of a write of which nobody knows the outcome', () => {
  test('shows what is committed where the write stays', () => {
    expect(localReads(recordingOf({ kept: true }))).toBe('ok');
  });

  test('is wrong where the write is cut off later', () => {
    const message = localReads(recordingOf({}));

    expect(message).toMatch(/^NEVER_COMMITTED: reg\/5 at 1\.\d+, read at n3, called at \d+ ms/);
    expect(message).toContain('was shown and is cut off: the log that goes on has epoch 2 from 2.');
  });

  test('is right where only a leadership that committed nothing began before it', () => {
    expect(localReads(recordingOf({ kept: true, told: { epoch: 2, behind: 0 } }))).toBe('ok');
  });

  test('is right where an operator gave the write up', () => {
    expect(localReads(recordingOf({ forced: true }))).toBe('ok');
  });
});

test('what a leadership said of its beginning shows what it cut off, where nothing else does', () => {
  const builder = new RecordingBuilder().until(FAULT_MS);
  const before = builder.lsn;
  builder.register(KEY, 'seen', { kind: 'indeterminate', version: undefined });
  builder.readLocally(KEY);
  builder.forget(KEY);
  builder.epoch = 2;
  // Everything that is left of the new epoch lies further on than what was cut off.
  builder.lsn += 50;
  builder.until(LOAD_END_MS);
  const status = statusOf('n2', version('2.1'), {
    leadership: {
      epoch: 2,
      how: 'promises',
      promisedBy: [],
      vouchedBy: [],
      after: { epoch: 1, lsn: before },
      atRisk: null,
      outageMs: 1,
    },
  });
  const sample = { atMs: FAULT_MS + 50, tookMs: 1, nodeId: 'n2', status };

  expect(localReads(builder.build())).toBe('ok');
  expect(localReads(builder.build({ samples: [sample] }))).toContain('NEVER_COMMITTED');
});
