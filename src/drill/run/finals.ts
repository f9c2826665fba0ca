/**
 * Final states of a drill: the contents and the status of each node, its saved tails, and whether the logs are the
 * same.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Disk } from '../../ports/disk.ts';
import { diff } from '../../wal/tools/diff.ts';
import { listEntries } from '../../wal/tools/saved.ts';
import type { AskNode } from '../target/ask-node.ts';
import type { FinalState } from '../recording/recording.ts';
import type { DrillTarget } from '../target/target.ts';

/** Milliseconds that a running node may take to answer: a busy machine leaves one without an answer for a moment. */
const ANSWER_MS_MAX = 15_000;
const POLL_MS = 100;

/** Reads the contents and the status of every node; its saved tails come later, once it is down. */
export async function finalStates(
  target: DrillTarget,
  ask: AskNode,
): Promise<readonly FinalState[]> {
  return await Promise.all(
    target.nodes.map(async ({ nodeId, url }) => ({
      nodeId,
      status: await answered(
        async () => await ask.status(url),
        () => target.isUp(nodeId),
      ),
      entries: await answered(
        async () => await ask.entries(url),
        () => target.isUp(nodeId),
      ),
      events: await ask.events(url),
      saved: undefined,
      output: await target.output(nodeId),
    })),
  );
}

async function answered<T>(
  question: () => Promise<T | undefined>,
  isUp: () => boolean,
): Promise<T | undefined> {
  const endMs = performance.now() + ANSWER_MS_MAX;
  for (;;) {
    const answer = await question();
    if (answer !== undefined || !isUp() || performance.now() > endMs) return answer;
    await sleep(POLL_MS);
  }
}

/** Returns the entries under `saved/` of a node that is down; undefined if they cannot be read. */
export async function savedOf(disk: Disk, dir: string | undefined): Promise<FinalState['saved']> {
  if (dir === undefined) return undefined;
  return (await listEntries(disk, dir)).map(({ name, from, to, by, records, localAcks }) => ({
    name,
    fromLsn: from.lsn,
    to: to === 'unknown' ? undefined : to,
    by,
    records,
    localAcks: localAcks ?? 'unknown',
  }));
}

/**
 * Describes where the logs of nodes that are down differ, or end before the durable LSN of the node's last status;
 * empty if they do not, or if there are not two to compare.
 */
export async function logDifferences(
  disk: Disk,
  nodes: readonly {
    readonly nodeId: string;
    readonly dir: string;
    /** LSN that its last status reported as durable, if there was one. */
    readonly durableLsn: number | undefined;
  }[],
): Promise<readonly string[]> {
  if (nodes.length < 2) return [];
  const result = await diff(
    disk,
    nodes.map(({ dir }) => dir),
  );
  const nameOf = (dir: string): string => nodes.find((node) => node.dir === dir)?.nodeId ?? dir;
  const damaged = result.sides.flatMap(({ dir, problem }) =>
    problem === undefined ? [] : [`${nameOf(dir)}: ${problem}`],
  );
  for (const { nodeId, dir, durableLsn = 0 } of nodes) {
    const lastLsn = result.sides.find((side) => side.dir === dir)?.lastLsn ?? 0;
    if (lastLsn >= durableLsn) continue;
    damaged.push(`${nodeId}: its log ends at LSN ${lastLsn}, and it had said ${durableLsn}`);
  }
  if (result.kind === 'equal') return damaged;
  const batches = result.batches
    .map(
      ({ dir, epoch, fromLsn, toLsn }) =>
        `${nameOf(dir)} has LSN ${fromLsn} to ${toLsn} of epoch ${epoch}`,
    )
    .join(', ');
  return [`the logs differ at LSN ${result.lsn}: ${batches}`, ...damaged];
}
