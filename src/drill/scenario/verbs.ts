/** The words for what a step does: one key each, with its parameters beside it. */
import { DISK_PARTS } from '../../ports/break-node.ts';
import type { Expected } from '../faults/fault.ts';
import type { MappingReader } from './mapping-reader.ts';
import { isRefusalReason } from './refusals.ts';
import type { Action } from './scenario.ts';

type Verb = (step: MappingReader) => readonly Action[];

const EXPECTATIONS = ['any', 'done', 'refused'] as const;
const SWITCHOVER_MS_DEFAULT = 5_000;
/** Number of idle clients at one node; a machine has no ports for more. */
const IDLE_CLIENTS_MAX = 10_000;
const BYTES_PER_SECOND_MAX = 1_000_000_000;

/** A fault of the links between two sets of nodes; with `both: true` in both directions. */
function link(key: string, build: (step: MappingReader, ends: Ends) => Action): Verb {
  return (step) => {
    const from = step.names(key);
    const to = step.names('to', ['all']);
    const both = step.flag('both');
    const there = build(step, { from, to });
    return both ? [there, build(step, { from: to, to: from })] : [there];
  };
}

interface Ends {
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** Verbs in the order in which documentation lists them. */
export const VERBS: Readonly<Record<string, Verb>> = {
  kill: (step) => [{ kind: 'kill', node: step.names('kill') }],
  stop: (step) => [{ kind: 'stop', node: step.names('stop') }],
  start: (step) => [{ kind: 'start', node: step.names('start') }],
  pause: (step) => [{ kind: 'pause', node: step.names('pause') }],
  resume: (step) => [{ kind: 'resume', node: step.names('resume') }],
  'power-cut': (step) => [{ kind: 'power-cut', nodes: step.names('power-cut') }],
  stall: (step) => [{ kind: 'stall', node: step.names('stall'), forMs: step.duration('for') }],
  'clock-jump': (step) => [
    {
      kind: 'clock-jump',
      node: step.names('clock-jump'),
      byMs: step.duration('by', { signed: true }),
    },
  ],
  'idle-clients': (step) => [
    {
      kind: 'idle-clients',
      node: step.names('idle-clients'),
      count: step.number('count', { min: 1, max: IDLE_CLIENTS_MAX }),
      unfinished: step.flag('unfinished'),
    },
  ],
  'clients-leave': (step) => [{ kind: 'clients-leave', node: step.names('clients-leave') }],
  'no-descriptors': (step) => [{ kind: 'no-descriptors', node: step.names('no-descriptors') }],
  'heal-descriptors': (step) => [
    { kind: 'heal-descriptors', node: step.names('heal-descriptors') },
  ],
  cut: link('cut', (_, ends) => ({ kind: 'cut', ...ends })),
  isolate: (step) => [{ kind: 'isolate', node: step.names('isolate') }],
  partition: (step) => [{ kind: 'partition', groups: groupsOf(step) }],
  delay: link('delay', (step, ends) => {
    const jitterMs = step.duration('jitter', { fallback: 0 });
    return { kind: 'delay', ...ends, ms: step.duration('by'), jitterMs };
  }),
  loss: link('loss', (step, ends) => {
    return { kind: 'loss', ...ends, share: step.number('share', { min: 0, max: 1, whole: false }) };
  }),
  bandwidth: link('bandwidth', (step, ends) => {
    const bounds = { min: 1, max: BYTES_PER_SECOND_MAX };
    return {
      kind: 'bandwidth',
      ...ends,
      bytesPerSecond: step.number('bytes-per-second', bounds),
    };
  }),
  reset: link('reset', (_, ends) => ({ kind: 'reset', ...ends })),
  heal: (step) => {
    step.choice('heal', ['network']);
    return [{ kind: 'heal-network' }];
  },
  'disk-full': (step) => [{ kind: 'disk-full', node: step.names('disk-full') }],
  'no-inodes': (step) => [{ kind: 'no-inodes', node: step.names('no-inodes') }],
  'disk-slow': (step) => [
    {
      kind: 'disk-slow',
      node: step.names('disk-slow'),
      ms: step.duration('by'),
      part: step.choice('part', DISK_PARTS, 'all'),
    },
  ],
  'fsync-error': (step) => [
    {
      kind: 'fsync-error',
      node: step.names('fsync-error'),
      part: step.choice('part', DISK_PARTS, 'all'),
    },
  ],
  'disk-read-only': (step) => [{ kind: 'disk-read-only', node: step.names('disk-read-only') }],
  'heal-disk': (step) => [{ kind: 'heal-disk', node: step.names('heal-disk') }],
  'flip-bit': (step) => {
    const places = ['sealed-segment', 'last-segment', 'snapshot', 'meta'] as const;
    return [{ kind: 'flip-bit', node: step.names('flip-bit'), where: step.choice('in', places) }];
  },
  'torn-tail': (step) => [{ kind: 'torn-tail', node: step.names('torn-tail') }],
  'lose-segment': (step) => {
    const which = step.choice('which', ['first', 'middle', 'last'] as const);
    return [{ kind: 'lose-segment', node: step.names('lose-segment'), which }];
  },
  'lose-snapshots': (step) => [{ kind: 'lose-snapshots', node: step.names('lose-snapshots') }],
  wipe: (step) => [{ kind: 'wipe', node: step.names('wipe') }],
  'back-up': (step) => [{ kind: 'back-up', node: step.names('back-up') }],
  restore: (step) => [
    { kind: 'restore', node: step.names('restore'), keepMeta: step.flag('keep-meta') },
  ],
  promote: (step) => [{ kind: 'promote', node: step.names('promote'), ...expected(step) }],
  switchover: (step) => [
    {
      kind: 'switchover',
      to: step.names('switchover'),
      timeoutMs: step.duration('timeout', { fallback: SWITCHOVER_MS_DEFAULT }),
      ...expected(step),
    },
  ],
  failover: (step) => [
    {
      kind: 'failover',
      node: step.names('failover'),
      acceptDataLoss: step.flag('accept-data-loss'),
      ...expected(step),
    },
  ],
  rejoin: (step) => [
    {
      kind: 'rejoin',
      node: step.names('rejoin'),
      discard: step.flag('discard'),
      ...expected(step),
    },
  ],
  snapshot: (step) => [{ kind: 'snapshot', node: step.names('snapshot'), ...expected(step) }],
  probe: (step) => [{ kind: 'probe', node: step.names('probe'), ...expected(step) }],
  read: (step) => [{ kind: 'read', node: step.names('read'), ...expected(step) }],
};

function expected(step: MappingReader): Expected {
  const expect = step.choice('expect', EXPECTATIONS, 'any');
  if (!step.has('reason')) return { expect };
  const reason = step.text('reason');
  if (!isRefusalReason(reason)) {
    step.problem('reason', 'a code of docs/errors.md, or a rule such as VOTER_AHEAD');
  } else if (expect !== 'refused') {
    step.problem('reason', 'beside `expect: refused`');
  }
  return { expect, reason };
}

function groupsOf(step: MappingReader): readonly (readonly string[])[] {
  const groups = step.list('partition').map(({ value }) => value);
  const fits = groups.every(
    (group) => Array.isArray(group) && group.every((name) => typeof name === 'string'),
  );
  if (groups.length >= 2 && fits) return groups;
  step.problem('partition', 'two groups of nodes or more, such as [[n1], [n2, n3]]');
  return [];
}

/** The verbs among the keys of a step. */
export function verbsIn(keys: readonly string[]): readonly string[] {
  return keys.filter((key) => Object.hasOwn(VERBS, key));
}
