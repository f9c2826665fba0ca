/** The one table of faults: who brings each of them about, what it breaks or heals, and how it is told. Parameters are in fault.ts. */
import type { Fault, FaultKind, FaultOf } from './fault.ts';

/** The side that brings a fault about: the target's processes, the broken node itself, clients of the drill, limits of a process, the network, or files of a node that is down. */
export type FaultGroup = 'process' | 'inside' | 'clients' | 'limits' | 'network' | 'files';

/** A part of a cluster that stays broken until something heals it. */
export type Part = 'process' | 'pause' | 'disk' | 'clients' | 'descriptors' | 'network';

export interface FaultEntry<F extends Fault = Fault> {
  readonly group: FaultGroup;
  /** Stays so until a fault that `heals` the same. Absent: it is over at once, or the cluster itself repairs it. */
  readonly breaks?: Part;
  readonly heals?: Part;
  /** Set if the node does nothing during the fault, or nothing passes on its paths. Slow is not silent. */
  readonly silences?: 'node' | 'paths';
  /** A further need of the fault, beside a target that knows it. */
  readonly needs?: string;
  /** Returns one line without a full stop: `n1 is killed`. */
  say(fault: F): string;
}

/** The entries, in the order in which documentation lists them. */
const TABLE = {
  kill: {
    group: 'process',
    breaks: 'process',
    silences: 'node',
    say: ({ node }) => `${node} is killed`,
  },
  stop: {
    group: 'process',
    breaks: 'process',
    silences: 'node',
    say: ({ node }) => `${node} is stopped`,
  },
  start: { group: 'process', heals: 'process', say: ({ node }) => `${node} is started` },
  pause: {
    group: 'process',
    breaks: 'pause',
    silences: 'node',
    say: ({ node }) => `${node} is paused`,
  },
  resume: { group: 'process', heals: 'pause', say: ({ node }) => `${node} goes on` },
  'power-cut': {
    group: 'inside',
    breaks: 'process',
    silences: 'node',
    say: ({ nodes }) => `the power of ${list(nodes)} fails: what was not fsynced is gone`,
  },
  stall: {
    group: 'inside',
    say: ({ node, forMs }) => `the event loop of ${node} does nothing for ${time(forMs)}`,
  },
  'clock-jump': {
    group: 'inside',
    say: ({ node, byMs }) =>
      `the clock of ${node} jumps ${byMs < 0 ? 'back' : 'ahead'} by ${time(Math.abs(byMs))}`,
  },
  'idle-clients': {
    group: 'clients',
    breaks: 'clients',
    needs: 'a limit of open files of 8192, see ulimit -Hn',
    say: ({ node, count, unfinished }) =>
      `${count} clients connect to ${node} and ${unfinished ? 'never finish asking' : 'ask for nothing'}`,
  },
  'clients-leave': {
    group: 'clients',
    heals: 'clients',
    say: ({ node }) => `the idle clients of ${node} are gone`,
  },
  'no-descriptors': {
    group: 'limits',
    breaks: 'descriptors',
    needs: 'nodes that are processes of this Linux machine, and prlimit of util-linux',
    say: ({ node }) => `${node} can open nothing more`,
  },
  'heal-descriptors': {
    group: 'limits',
    heals: 'descriptors',
    say: ({ node }) => `${node} can open files and connections again`,
  },
  cut: {
    group: 'network',
    breaks: 'network',
    silences: 'paths',
    say: ({ from, to }) => `nothing passes from ${from} to ${to}`,
  },
  isolate: {
    group: 'network',
    breaks: 'network',
    silences: 'paths',
    say: ({ node }) => `${node} is cut off from the other nodes`,
  },
  partition: {
    group: 'network',
    breaks: 'network',
    silences: 'paths',
    say: ({ groups }) =>
      `the network falls apart into ${groups.map((group) => list(group)).join(' | ')}`,
  },
  delay: {
    group: 'network',
    breaks: 'network',
    say: ({ from, to, ms, jitterMs }) =>
      `messages from ${from} to ${to} take ${ms} ms${jitterMs > 0 ? ` and up to ${jitterMs} ms` : ''} longer`,
  },
  loss: {
    group: 'network',
    breaks: 'network',
    say: ({ from, to, share }) =>
      `${(share * 100).toFixed(0)} % of what ${from} sends to ${to} is lost and sent again`,
  },
  bandwidth: {
    group: 'network',
    breaks: 'network',
    say: ({ from, to, bytesPerSecond }) =>
      `${from} sends ${bytesPerSecond} bytes a second to ${to} at most`,
  },
  reset: {
    group: 'network',
    say: ({ from, to }) => `the connections between ${from} and ${to} are reset`,
  },
  'heal-network': {
    group: 'network',
    heals: 'network',
    say: () => 'the network is as it should be',
  },
  'disk-full': {
    group: 'inside',
    breaks: 'disk',
    say: ({ node }) => `the disk of ${node} is full`,
  },
  'no-inodes': {
    group: 'inside',
    breaks: 'disk',
    say: ({ node }) => `the disk of ${node} has no inode left`,
  },
  'disk-slow': {
    group: 'inside',
    breaks: 'disk',
    say: ({ node, ms, part }) => `an fsync of ${filesOf(part)} takes ${ms} ms on ${node}`,
  },
  'fsync-error': {
    group: 'inside',
    breaks: 'disk',
    say: ({ node, part }) => `the next fsync of ${filesOf(part)} fails on ${node}`,
  },
  'disk-read-only': {
    group: 'inside',
    breaks: 'disk',
    say: ({ node }) => `the disk of ${node} can only be read`,
  },
  'heal-disk': {
    group: 'inside',
    heals: 'disk',
    say: ({ node }) => `the disk of ${node} is as it should be`,
  },
  'flip-bit': {
    group: 'files',
    say: ({ node, where }) =>
      `a bit flips in ${where === 'meta' ? 'meta.json' : `a ${where.replace('-', ' ')}`} of ${node}`,
  },
  'torn-tail': { group: 'files', say: ({ node }) => `the last batch of ${node} is torn` },
  'lose-segment': {
    group: 'files',
    say: ({ node, which }) => `the ${which} segment of ${node} is lost`,
  },
  'lose-snapshots': { group: 'files', say: ({ node }) => `the snapshots of ${node} are lost` },
  wipe: { group: 'files', say: ({ node }) => `the data directory of ${node} is lost` },
  'back-up': {
    group: 'files',
    say: ({ node }) => `the data directory of ${node} is backed up`,
  },
  restore: {
    group: 'files',
    say: ({ node, keepMeta }) =>
      `the backup of ${node} takes the place of its data directory${keepMeta ? ', but for meta.json' : ''}`,
  },
} as const satisfies { readonly [K in FaultKind]: FaultEntry<FaultOf<K>> };

export const FAULTS: Readonly<Record<FaultKind, FaultEntry>> = TABLE;

type KindOf<G extends FaultGroup> = {
  [K in FaultKind]: (typeof TABLE)[K]['group'] extends G ? K : never;
}[FaultKind];

/** Faults of one group. */
export type GroupFault<G extends FaultGroup> = FaultOf<KindOf<G>>;

/** Kinds of these groups, in the order of the table. */
export function kindsOf(...groups: readonly FaultGroup[]): readonly FaultKind[] {
  const kinds = Object.keys(TABLE) as readonly FaultKind[];
  return kinds.filter((kind) => groups.includes(TABLE[kind].group));
}

type Grouped = {
  readonly [G in FaultGroup]: { readonly group: G; readonly fault: GroupFault<G> };
}[FaultGroup];

/** A fault beside its group, which then tells its type. */
export function grouped(fault: Fault): Grouped {
  return { group: TABLE[fault.kind].group, fault } as Grouped;
}

function list(nodes: readonly string[]): string {
  if (nodes.length < 2) return nodes.join('');
  return `${nodes.slice(0, -1).join(', ')} and ${nodes.at(-1) ?? ''}`;
}

function time(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  return ms < 3_600_000 ? `${ms / 1_000} s` : `${ms / 3_600_000} h`;
}

function filesOf(part: FaultOf<'disk-slow'>['part']): string {
  return part === 'all' ? 'anything' : `${part} files`;
}
