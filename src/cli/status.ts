import type { ClientOptions } from './client-options.ts';
import { askThroughOthers, clusterStatus } from './cluster-status.ts';
import type { FollowerView, NodeView, StatusReason, StatusView } from './cluster-status.ts';
import type { CommandIo } from './command-io.ts';
import { roughDurationText, sizeText } from './quantity-text.ts';
import { textTable } from './text-table.ts';

/** Runs `walship status`: prints every voter in one table, and in words the reason of each wait. */
export async function status(options: ClientOptions, io: CommandIo): Promise<void> {
  const direct = await clusterStatus(options.url, options.timeoutMs);
  const nodes = await askThroughOthers(direct, options.timeoutMs);
  io.out(options.json ? `${JSON.stringify({ nodes })}\n` : formatCluster(nodes));
}

/** Formats the cluster for display. */
export function formatCluster(nodes: readonly NodeView[]): string {
  const leader = leaderOf(nodes);
  const rows = nodes.map((node) => rowOf(node, leader));
  const lines = [textTable(STATUS_HEADS, rows), ''];
  const contract = (leader ?? nodes.find((node) => node.status !== undefined)?.status)?.contract;
  lines.push(...(contract ?? []), ...notesOf(nodes, leader));
  return `${lines.join('\n').trimEnd()}\n`;
}

const STATUS_HEADS = [
  'node',
  'address',
  'role',
  'state',
  'epoch',
  'received',
  'durable',
  'committed',
  'applied',
  'lag bytes',
  'lag ms',
  'keys',
  'failover',
];

/** Returns the leader of the highest epoch among the nodes that report to lead. */
export function leaderOf(nodes: readonly NodeView[]): StatusView | undefined {
  return nodes
    .flatMap(({ status }) => (status?.role === 'leader' ? [status] : []))
    .toSorted((a, b) => b.epoch - a.epoch)[0];
}

function followerOf(leader: StatusView | undefined, nodeId: string): FollowerView | undefined {
  return leader?.followers.find((follower) => follower.nodeId === nodeId);
}

function rowOf(node: NodeView, leader: StatusView | undefined): readonly (string | number)[] {
  const { nodeId, status, through } = node;
  const address = through === undefined ? node.address : `${node.address} (through ${through})`;
  const follower = followerOf(leader, nodeId);
  const lag = lagOf(node, leader);
  if (status === undefined) {
    const known = isKnown(follower) ? [follower.durableLsn, follower.appliedLsn] : ['?', '?'];
    return [
      nodeId,
      address,
      'unreachable',
      '?',
      '?',
      '?',
      known[0] ?? '?',
      '?',
      known[1] ?? '?',
      ...lag,
      '?',
      '?',
    ];
  }
  return [
    nodeId,
    address,
    status.role,
    status.state,
    status.epoch,
    status.receivedLsn,
    status.durableLsn,
    status.committedLsn,
    status.appliedLsn,
    ...lag,
    status.keys,
    status.failover,
  ];
}

/** Returns true if the leader has heard from the voter in its own epoch; before that it knows nothing of it. */
function isKnown(follower: FollowerView | undefined): follower is FollowerView {
  return follower !== undefined && (follower.connected || follower.durableLsn > 0);
}

/** Returns bytes and milliseconds of lag; question marks where they are unknown. */
function lagOf({ nodeId }: NodeView, leader: StatusView | undefined): readonly (string | number)[] {
  if (leader !== undefined && nodeId === leader.nodeId) return [0, 0];
  const follower = followerOf(leader, nodeId);
  return isKnown(follower) ? [follower.lagBytes, Math.round(follower.lagMs)] : ['?', '?'];
}

/** Returns a note for everything that waits or is wrong, each with its node, code and sentence. */
function notesOf(nodes: readonly NodeView[], leader: StatusView | undefined): readonly string[] {
  const notes: string[] = [];
  if (leader === undefined) notes.push('none of the nodes that answered is the leader');
  for (const { nodeId, status, failure } of nodes) {
    if (failure !== undefined) notes.push(`${nodeId}: ${failure}`);
    for (const reason of [...reasonsOf(status), ...(status?.warnings ?? [])]) {
      notes.push(`${nodeId}: ${reason.code}: ${reason.message}`);
    }
  }
  for (const { code, message } of leader?.log?.holds ?? []) {
    notes.push(`${leader?.nodeId ?? ''}: ${code}: ${message}`);
  }
  for (const follower of leader?.followers ?? []) {
    const { nodeId, reason } = follower;
    if (reason !== null) {
      notes.push(`${nodeId}, says the leader: ${reason.code}: ${reason.message}`);
    }
    const note = retentionNote(follower);
    if (note !== undefined) notes.push(`${nodeId}, says the leader: ${note}`);
  }
  return notes;
}

/** Returns the reasons why things wait at a node. */
function reasonsOf(status: StatusView | undefined): readonly StatusReason[] {
  const short = [status?.notReady, status?.commitWaits];
  return status?.why ?? short.filter((reason) => reason != null);
}

/** Returns how long a lagging voter may stay so. */
function retentionNote({ connected, lagLsns, retention }: FollowerView): string | undefined {
  if (retention === undefined || (connected && lagLsns === 0)) return undefined;
  const { bytesLeft, secondsLeft } = retention;
  if (bytesLeft === 0) return 'the log is no longer kept for it: it may need a full copy';
  const time = secondsLeft === null ? '' : `, in about ${roughDurationText(secondsLeft)}`;
  return `it needs a full copy once ${sizeText(bytesLeft)} more of log are written${time}`;
}
