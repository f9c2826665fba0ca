/** What is done to a cluster, in plain words. */
import type { Fault, OperatorAction } from './fault.ts';
import { isOperatorAction } from './operator-kinds.ts';

/** One line without a full stop: `n1 is killed`. */
export function describeAction(action: Fault | OperatorAction): string {
  return isOperatorAction(action) ? describeOrder(action) : describeFault(action);
}

function describeOrder(action: OperatorAction): string {
  switch (action.kind) {
    case 'promote':
      return `${action.node} is to lead`;
    case 'switchover':
      return `the leader is to hand over to ${action.to}`;
    case 'failover':
      return `${action.node} is to go on without the others${action.acceptDataLoss ? ', whatever that loses' : '?'}`;
    case 'rejoin':
      return `${action.node} is to follow${action.discard ? ', and to give up what it has beside' : ''}`;
    case 'probe':
      return `${action.node} is asked by health checks and people`;
    case 'read':
      return `${action.node} is asked for what it holds`;
    case 'snapshot':
  }
  return `${action.node} is to take a snapshot`;
}

function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
      return `${fault.node} is killed`;
    case 'stop':
      return `${fault.node} is stopped`;
    case 'start':
      return `${fault.node} is started`;
    case 'pause':
      return `${fault.node} is paused`;
    case 'resume':
      return `${fault.node} goes on`;
    case 'power-cut':
      return `the power of ${list(fault.nodes)} fails: what was not fsynced is gone`;
    case 'stall':
      return `the event loop of ${fault.node} does nothing for ${time(fault.forMs)}`;
    case 'clock-jump':
      return `the clock of ${fault.node} jumps ${fault.byMs < 0 ? 'back' : 'ahead'} by ${time(Math.abs(fault.byMs))}`;
    case 'idle-clients':
      return `${fault.count} clients connect to ${fault.node} and ${fault.unfinished ? 'never finish asking' : 'ask for nothing'}`;
    case 'clients-leave':
      return `the idle clients of ${fault.node} are gone`;
    case 'cut':
      return `nothing passes from ${fault.from} to ${fault.to}`;
    case 'isolate':
      return `${fault.node} is cut off from the other nodes`;
    case 'partition':
      return `the network falls apart into ${fault.groups.map((group) => list(group)).join(' | ')}`;
    case 'delay':
      return `messages from ${fault.from} to ${fault.to} take ${fault.ms} ms${fault.jitterMs > 0 ? ` and up to ${fault.jitterMs} ms` : ''} longer`;
    case 'loss':
      return `${(fault.share * 100).toFixed(0)} % of what ${fault.from} sends to ${fault.to} is lost and sent again`;
    case 'bandwidth':
      return `${fault.from} sends ${fault.bytesPerSecond} bytes a second to ${fault.to} at most`;
    case 'reset':
      return `the connections between ${fault.from} and ${fault.to} are reset`;
    case 'heal-network':
      return 'the network is as it should be';
    case 'disk-full':
    case 'no-inodes':
    case 'disk-slow':
    case 'fsync-error':
    case 'disk-read-only':
    case 'heal-disk':
      return describeDisk(fault);
    case 'flip-bit':
    case 'torn-tail':
    case 'lose-segment':
    case 'lose-snapshots':
    case 'wipe':
    case 'back-up':
    case 'restore':
  }
  return describeFiles(fault);
}

type Of<K extends Fault['kind']> = Extract<Fault, { readonly kind: K }>;

function describeDisk(
  fault: Of<
    'disk-full' | 'no-inodes' | 'disk-slow' | 'fsync-error' | 'disk-read-only' | 'heal-disk'
  >,
): string {
  const { node } = fault;
  switch (fault.kind) {
    case 'disk-full':
      return `the disk of ${node} is full`;
    case 'no-inodes':
      return `the disk of ${node} has no inode left`;
    case 'disk-slow':
      return `an fsync of ${partText(fault.part)} takes ${fault.ms} ms on ${node}`;
    case 'fsync-error':
      return `the next fsync of ${partText(fault.part)} fails on ${node}`;
    case 'disk-read-only':
      return `the disk of ${node} can only be read`;
    case 'heal-disk':
  }
  return `the disk of ${node} is as it should be`;
}

function partText(part: Of<'disk-slow'>['part']): string {
  return part === 'all' ? 'anything' : `${part} files`;
}

function describeFiles(
  fault: Of<
    'flip-bit' | 'torn-tail' | 'lose-segment' | 'lose-snapshots' | 'wipe' | 'back-up' | 'restore'
  >,
): string {
  const { node } = fault;
  switch (fault.kind) {
    case 'flip-bit':
      return `a bit flips in ${fault.where === 'meta' ? 'meta.json' : `a ${fault.where.replace('-', ' ')}`} of ${node}`;
    case 'torn-tail':
      return `the last batch of ${node} is torn`;
    case 'lose-segment':
      return `the ${fault.which} segment of ${node} is lost`;
    case 'lose-snapshots':
      return `the snapshots of ${node} are lost`;
    case 'wipe':
      return `the data directory of ${node} is lost`;
    case 'back-up':
      return `the data directory of ${node} is backed up`;
    case 'restore':
  }
  return `the backup of ${node} takes the place of its data directory${fault.keepMeta ? ', but for meta.json' : ''}`;
}

function list(nodes: readonly string[]): string {
  if (nodes.length < 2) return nodes.join('');
  return `${nodes.slice(0, -1).join(', ')} and ${nodes.at(-1) ?? ''}`;
}

function time(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  return ms < 3_600_000 ? `${ms / 1_000} s` : `${ms / 3_600_000} h`;
}
