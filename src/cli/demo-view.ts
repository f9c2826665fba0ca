/** View of `walship demo`: one table per moment on a terminal, one line per second elsewhere. */
import type { NodeView, StatusView } from './cluster-status.ts';
import type { DemoNode } from './demo-cluster.ts';
import { leaderOf } from './status.ts';
import { textTable } from './text-table.ts';

/** One moment of the demonstration. */
export interface DemoMoment {
  readonly nodes: readonly DemoNode[];
  readonly views: readonly NodeView[];
  readonly seconds: number;
  readonly writesPerSecond: number;
  readonly acknowledged: number;
  /** Code of the latest failed write, while no later one was acknowledged. */
  readonly latestError: string | undefined;
}

const HEADS = [
  'node',
  'pid',
  'role',
  'state',
  'epoch',
  'durable',
  'committed',
  'applied',
  'lag',
  'lag ms',
];

/** Formats the table and the line under it. */
export function formatMoment(moment: DemoMoment): string {
  const leader = leaderOf(moment.views);
  const rows = moment.nodes.map((node) => {
    const status = statusOf(moment.views, node.nodeId);
    const pid = node.pid ?? '-';
    if (status === undefined) return [node.nodeId, pid, 'down', '', '', '', '', '', '', ''];
    const lag = lagOf(leader, status);
    return [
      node.nodeId,
      pid,
      status.role,
      status.state,
      status.epoch,
      status.durableLsn,
      status.committedLsn,
      status.appliedLsn,
      lag.lsns,
      lag.ms,
    ];
  });
  const failing = moment.latestError === undefined ? '' : `, failing with ${moment.latestError}`;
  const writes = `${moment.writesPerSecond.toFixed(0)} writes/s, ${moment.acknowledged} acknowledged in ${moment.seconds.toFixed(0)} s${failing}`;
  return `${textTable(HEADS, rows)}\n${writes}\n`;
}

/** Formats the same on one line. */
export function formatMomentLine(moment: DemoMoment): string {
  const leader = leaderOf(moment.views);
  const parts = moment.nodes.map(({ nodeId }) => {
    const status = statusOf(moment.views, nodeId);
    if (status === undefined) return `${nodeId} down`;
    const { role, epoch, durableLsn, committedLsn, appliedLsn } = status;
    const places = `durable ${durableLsn} committed ${committedLsn} applied ${appliedLsn}`;
    return `${nodeId} ${role} epoch ${epoch} ${places} lag ${lagOf(leader, status).lsns}`;
  });
  const failing = moment.latestError === undefined ? [] : [`failing with ${moment.latestError}`];
  const head = `${moment.seconds.toFixed(0)} s  ${moment.writesPerSecond.toFixed(0)} writes/s`;
  return `${[head, ...parts, ...failing].join('  |  ')}\n`;
}

/** Formats three commands to try, with the actual ports. */
export function formatCurlLines(nodes: readonly DemoNode[]): string {
  const [first, second, third] = nodes.map((node) => node.url);
  return [
    'try this in another terminal:',
    `  curl -L -X PUT --data-binary hello ${first}/v1/kv/greeting`,
    `  curl -i ${second}/v1/kv/greeting`,
    `  curl ${third}/v1/status`,
    '',
  ].join('\n');
}

function statusOf(views: readonly NodeView[], nodeId: string): StatusView | undefined {
  return views.find((view) => view.nodeId === nodeId)?.status;
}

/**
 * Returns the lag. The leader's own figures are nearer to the truth than the difference of two answers from two
 * moments.
 */
function lagOf(
  leader: StatusView | undefined,
  status: StatusView,
): { readonly lsns: number; readonly ms: number } {
  const known = leader?.followers.find((follower) => follower.nodeId === status.nodeId);
  return { lsns: known?.lagLsns ?? 0, ms: Math.round(known?.lagMs ?? 0) };
}
