/** Conditions that a step waits for, decided from observations: pure. */
import type { NodeStatus } from '../../node/api/api.ts';
import type { Await } from '../scenario/scenario.ts';

/** State of the cluster at one moment. */
export interface Seen {
  readonly nodes: readonly {
    readonly nodeId: string;
    readonly up: boolean;
    readonly status: NodeStatus | undefined;
    /** Last lines of its output. */
    readonly output: string;
  }[];
  /** Number of writes acknowledged since the drill began. */
  readonly acknowledged: number;
  /** Number of writes rejected since the drill began, by code. */
  readonly rejected: Readonly<Record<string, number>>;
}

/** An Await whose names are node ids. */
export type ResolvedAwait = Await;

/** Describes in words what is waited for. */
export function describeAwait(wanted: ResolvedAwait): string {
  switch (wanted.kind) {
    case 'commits':
      return 'until a leader has committed something';
    case 'ready':
      return `until ${wanted.node.join(', ')} can serve`;
    case 'leads':
      return `until ${wanted.node.join(', ')} leads`;
    case 'steps-down':
      return `until ${wanted.node.join(', ')} knows that it does not lead`;
    case 'down':
      return `until ${wanted.node.join(', ')} has ended`;
    case 'refused':
      return `until ${wanted.node.join(', ')} refuses to start with ${wanted.code}`;
    case 'says':
      return `until ${wanted.node.join(', ')} gives ${wanted.code} as the reason${wanted.words === '' ? '' : `: ${wanted.words}`}`;
    case 'rejected':
      return `for ${wanted.count} writes rejected with ${wanted.code}`;
    case 'writes':
  }
  return `for ${wanted.count} acknowledged writes`;
}

/** Returns the reason why it has not come yet; undefined: it has. */
export function missing(wanted: ResolvedAwait, before: Seen, now: Seen): string | undefined {
  switch (wanted.kind) {
    case 'commits':
      return missingCommit(before, now);
    case 'writes': {
      const count = now.acknowledged - before.acknowledged;
      return count >= wanted.count ? undefined : `${count} of ${wanted.count} were acknowledged`;
    }
    case 'rejected': {
      const { code } = wanted;
      const count = (now.rejected[code] ?? 0) - (before.rejected[code] ?? 0);
      return count >= wanted.count ? undefined : `${count} of ${wanted.count} were rejected so`;
    }
    case 'says':
      return ofEach(wanted.node, now, ({ nodeId, status }) => {
        if (status === undefined) return `${nodeId} does not answer`;
        const reasons = [...status.why, ...status.warnings];
        const { code: wantedCode, words } = wanted;
        if (reasons.some(({ code, message }) => code === wantedCode && message.includes(words))) {
          return undefined;
        }
        const said = reasons.map(({ code, message }) => `${code}, ${message}`);
        return `${nodeId} says ${said.length === 0 ? 'that all is well' : said.join('; ')}`;
      });
    case 'ready':
      return ofEach(wanted.node, now, ({ nodeId, up, status }) => {
        if (!up) return `${nodeId} does not run`;
        if (status === undefined) return `${nodeId} does not answer`;
        return status.notReady === null ? undefined : `${nodeId}: ${status.notReady.message}`;
      });
    case 'leads':
      return ofEach(wanted.node, now, ({ nodeId, status }) =>
        status?.role === 'leader' && status.commitWaits === null
          ? undefined
          : `${nodeId} does not lead`,
      );
    case 'steps-down':
      return ofEach(wanted.node, now, ({ nodeId, status }) => {
        if (status === undefined) return `${nodeId} does not answer`;
        return status.role === 'leader' ? `${nodeId} says that it leads` : undefined;
      });
    case 'down':
      return ofEach(wanted.node, now, ({ nodeId, up }) => (up ? `${nodeId} runs` : undefined));
    case 'refused':
  }
  return ofEach(wanted.node, now, ({ nodeId, up, output }) => {
    if (up) return `${nodeId} runs`;
    return output.includes(`walship: ${wanted.code}:`)
      ? undefined
      : `${nodeId} has ended without ${wanted.code}`;
  });
}

function missingCommit(before: Seen, now: Seen): string | undefined {
  const least = Math.max(0, ...before.nodes.map(({ status }) => status?.committedLsn ?? 0));
  const leaders = now.nodes.filter(({ status }) => status?.role === 'leader');
  if (leaders.length === 0) return 'no node leads';
  if (leaders.some(({ status }) => (status?.committedLsn ?? 0) > least)) return undefined;
  const waits = leaders.flatMap(({ status }) => status?.commitWaits?.message ?? []);
  return `nothing was committed above LSN ${least}${waits.length === 0 ? '' : `: ${waits.join('; ')}`}`;
}

function ofEach(
  nodeIds: readonly string[],
  now: Seen,
  why: (node: Seen['nodes'][number]) => string | undefined,
): string | undefined {
  const reasons = now.nodes.flatMap((node) =>
    nodeIds.includes(node.nodeId) ? (why(node) ?? []) : [],
  );
  return reasons.length === 0 ? undefined : reasons.join('; ');
}
