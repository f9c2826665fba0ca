/** What is there in the end: what each node holds and says, what it has saved, and whether the logs are the same. */
import type { Disk } from '../ports/disk.ts';
import { diff } from '../wal/tools/diff.ts';
import { listEntries } from '../wal/tools/saved.ts';
import type { AskNode } from './ask-node.ts';
import type { FinalState } from './recording.ts';
import type { DrillTarget } from './target.ts';

/** What every node holds and says now; what it has saved comes later, once it is down. */
export async function finalStates(
  target: DrillTarget,
  ask: AskNode,
): Promise<readonly FinalState[]> {
  return await Promise.all(
    target.nodes.map(async ({ nodeId, url }) => ({
      nodeId,
      status: await ask.status(url),
      entries: await ask.entries(url),
      events: await ask.events(url),
      saved: undefined,
      output: await target.output(nodeId),
    })),
  );
}

/** What is under `saved/` of a node that is down; undefined where it cannot be read. */
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

/** Where the logs of nodes that are down differ, in words; empty where they do not, or where there are not two to compare. */
export async function logDifferences(
  disk: Disk,
  nodes: readonly { readonly nodeId: string; readonly dir: string }[],
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
  if (result.kind === 'equal') return damaged;
  const batches = result.batches
    .map(
      ({ dir, epoch, fromLsn, toLsn }) =>
        `${nameOf(dir)} has LSN ${fromLsn} to ${toLsn} of epoch ${epoch}`,
    )
    .join(', ');
  return [`the logs differ at LSN ${result.lsn}: ${batches}`, ...damaged];
}
