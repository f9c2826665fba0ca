import type { FailoverResult, RejoinResult } from '../node/api/api.ts';
import { formatVersion } from '../wal/format/position.ts';
import { GRACE_MS } from './client-options.ts';
import type { ClientOptions } from './client-options.ts';
import { ClusterClient } from './cluster-client.ts';
import type { CommandIo } from './command-io.ts';

export interface FailoverOptions extends ClientOptions {
  readonly acceptDataLoss: boolean;
  readonly quorum?: number;
}

/**
 * Runs `walship failover`: prints the plan for continuing with the voters that answer, and with --accept-data-loss
 * executes it.
 */
export async function failover(options: FailoverOptions, io: CommandIo): Promise<void> {
  const { acceptDataLoss, quorum } = options;
  const result = (await post(options, '/v1/admin/failover', {
    acceptDataLoss,
    ...(quorum === undefined ? {} : { quorum }),
  })) as FailoverResult;
  io.out(options.json ? `${JSON.stringify(result)}\n` : formatFailover(result));
}

/** Formats the result of a failover, or its plan, for display. */
export function formatFailover(result: FailoverResult): string {
  const { done, voters, quorum, missing, answered, kept, risk, historyId, epoch } = result;
  const { notLeading } = result;
  const lines = [
    ...answered.map(
      ({ nodeId, state, position }) =>
        `answers   ${nodeId}  ${state}, at ${formatVersion(position)}`,
    ),
    ...missing.map(({ nodeId, message, atLeast }) => {
      const known =
        atLeast === null ? 'its position is not known' : `had at least ${formatVersion(atLeast)}`;
      return `missing   ${nodeId}  ${known} (${message})`;
    }),
    `kept      everything up to ${formatVersion(kept)}`,
    risk.some
      ? `at risk   LSN ${risk.fromLsn} ${typeof risk.toLsn === 'number' ? `to ${risk.toLsn}` : 'and all above'}: ${risk.message}`
      : `at risk   nothing that was acknowledged at quorum: ${risk.message}`,
    `voters    ${voters.join(', ')}, quorum ${quorum}: from then on start nodes with exactly these in --peers, and --quorum ${quorum}`,
  ];
  if (!done) {
    lines.push('nothing was changed; to do it, repeat the command with --accept-data-loss');
  } else if (epoch === null) {
    lines.push(
      `history   ${historyId} has begun, but this node does not lead it yet: ${notLeading}`,
    );
  } else {
    lines.push(`history   ${historyId}, led in epoch ${epoch}`);
    if (missing.length > 0) {
      const names = missing.map(({ nodeId }) => nodeId).join(', ');
      lines.push(`rejoin    ${names} can come back with walship rejoin --discard only`);
    }
  }
  return `${lines.join('\n')}\n`;
}

export interface RejoinOptions extends ClientOptions {
  readonly discard: boolean;
  readonly from?: string;
}

/** Runs `walship rejoin`: makes the node at the first --url follow a leader. */
export async function rejoin(options: RejoinOptions, io: CommandIo): Promise<void> {
  const { discard, from, timeoutMs } = options;
  // Once the node has begun to leave its history, it takes the same time again.
  const patient = { ...options, timeoutMs: 2 * timeoutMs };
  const result = (await post(patient, '/v1/admin/rejoin', {
    discard,
    timeoutMs,
    ...(from === undefined ? {} : { from }),
  })) as RejoinResult;
  io.out(options.json ? `${JSON.stringify(result)}\n` : formatRejoin(result));
}

/** Formats the result of a rejoin for display. */
export function formatRejoin(result: RejoinResult): string {
  const { leader, epoch, historyId, previousHistoryId, cut } = result;
  const moved =
    historyId === previousHistoryId ? '' : `, history ${historyId} (before: ${previousHistoryId})`;
  const lines = [`follows ${leader} in epoch ${epoch}${moved}`];
  if (cut === null) {
    lines.push('nothing was cut');
  } else {
    const { records, fromLsn, toLsn, saved } = cut;
    lines.push(`${records} records, LSN ${fromLsn} to ${toLsn}, were saved and cut`);
    for (const name of saved) lines.push(`  saved/${name}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Posts to the node at the first --url, and to no other. */
async function post(options: ClientOptions, path: string, body: unknown): Promise<unknown> {
  const first = new ClusterClient(options.url).urls.slice(0, 1);
  return await new ClusterClient(first).json({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
    timeoutMs: options.timeoutMs + GRACE_MS,
  });
}
