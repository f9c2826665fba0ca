/** Views of a node's `/v1/status` for the commands, and of a whole cluster. */
import { parseNodeAddress } from '../client/node-address.ts';
import { WalshipError } from '../errors.ts';
import { ClusterClient } from './cluster-client.ts';

export interface StatusReason {
  readonly code: string;
  readonly message: string;
}

export interface FollowerView {
  readonly nodeId: string;
  readonly connected: boolean;
  readonly state: string;
  readonly durableLsn: number;
  readonly appliedLsn: number;
  readonly lagLsns: number;
  readonly lagBytes: number;
  readonly lagMs: number;
  readonly retention?: { readonly bytesLeft: number; readonly secondsLeft: number | null };
  readonly reason: StatusReason | null;
}

/** One node's own view. Versions are text, `<epoch>.<lsn>`. */
export interface StatusView {
  readonly nodeId: string;
  readonly role: string;
  readonly state: string;
  readonly epoch: number;
  readonly leader: { readonly nodeId: string; readonly address: string } | null;
  readonly voters: readonly { readonly nodeId: string; readonly address: string }[];
  readonly quorum: number;
  readonly failover: string;
  readonly receivedLsn: number;
  readonly durableLsn: number;
  readonly committedLsn: number;
  readonly applied: string;
  readonly appliedLsn: number;
  readonly keys: number;
  readonly followers: readonly FollowerView[];
  readonly log?: { readonly holds: readonly StatusReason[] };
  readonly notReady: StatusReason | null;
  readonly commitWaits: StatusReason | null;
  readonly why?: readonly StatusReason[];
  readonly warnings: readonly StatusReason[];
  readonly contract: readonly string[];
}

/** A node that was asked: its answer, or the reason why there is none. */
export interface NodeView {
  readonly nodeId: string;
  readonly address: string;
  readonly status: StatusView | undefined;
  readonly failure: string | undefined;
  /** Node that was asked for its status, if it does not answer here itself. */
  readonly through?: string;
}

interface Place {
  readonly epoch: number;
  readonly lsn: number;
}

/** Reads a status. @throws WalshipError PROTOCOL_ERROR if `reply` is none. */
export function readStatus(reply: unknown): StatusView {
  const raw = reply as Partial<Record<keyof StatusView | 'received' | 'durable', unknown>> | null;
  if (typeof raw !== 'object' || raw === null || typeof raw.nodeId !== 'string') {
    throw new WalshipError('PROTOCOL_ERROR', 'the answer is not the status of a walship node');
  }
  const applied = placeOf(raw.applied);
  return {
    ...(raw as unknown as StatusView),
    receivedLsn: placeOf(raw.received).lsn,
    durableLsn: placeOf(raw.durable).lsn,
    applied: `${applied.epoch}.${applied.lsn}`,
    appliedLsn: applied.lsn,
  };
}

/** Reads a position or a version, from text or from an object. */
function placeOf(value: unknown): Place {
  if (typeof value === 'string') {
    const [epoch, lsn] = value.split('.').map(Number);
    return { epoch: epoch ?? 0, lsn: lsn ?? 0 };
  }
  const { epoch, lsn } = (value ?? {}) as Partial<Place>;
  return { epoch: epoch ?? 0, lsn: lsn ?? 0 };
}

/** Asks the nodes at `urls` and every voter that they name; an unreachable one has a failure instead of a status. */
export async function clusterStatus(
  urls: readonly string[],
  timeoutMs: number,
): Promise<readonly NodeView[]> {
  const asked = await Promise.all(
    new ClusterClient(urls).urls.map((url) => ask(url, { nodeId: url, timeoutMs })),
  );
  const views = new Map<string, NodeView>();
  for (const view of asked) {
    if (view.status !== undefined) views.set(view.nodeId, view);
  }
  const voters = [...views.values()].flatMap((view) => view.status?.voters ?? []);
  const others = new Map(voters.map((voter) => [voter.nodeId, voter.address]));
  await Promise.all(
    [...others].map(async ([nodeId, address]) => {
      if (views.has(nodeId)) return;
      const view = await ask(`http://${address}`, { nodeId, timeoutMs });
      if (!views.has(view.nodeId)) views.set(view.nodeId, view);
    }),
  );
  if (views.size > 0) return [...views.values()].toSorted(byNodeId);
  const reasons = asked.map((view) => view.failure).join('; ');
  throw new WalshipError('PEER_UNREACHABLE', reasons === '' ? 'no node was named' : reasons);
}

/**
 * Asks a node that answered for those that did not: from outside a network of containers only some of the addresses may be reached.
 * A node that the others do not reach either keeps its failure.
 */
export async function askThroughOthers(
  nodes: readonly NodeView[],
  timeoutMs: number,
): Promise<readonly NodeView[]> {
  const asked = nodes.find(({ status }) => status !== undefined);
  if (asked === undefined || nodes.every(({ status }) => status !== undefined)) return nodes;
  const { nodeId: through } = asked;
  const seen = await clusterSeenBy(asked, timeoutMs);
  return nodes.map((node) => {
    const status = seen.get(node.nodeId);
    if (node.status !== undefined || status === undefined) return node;
    return { ...node, status, failure: undefined, through };
  });
}

/** Returns every status in a node's answer to `GET /v1/cluster`; empty if it gives none. */
async function clusterSeenBy(
  { address }: NodeView,
  timeoutMs: number,
): Promise<ReadonlyMap<string, StatusView>> {
  try {
    const client = new ClusterClient([`http://${address}`]);
    const reply = await client.json({ method: 'GET', path: '/v1/cluster', timeoutMs });
    const { nodes } = reply as { readonly nodes?: unknown };
    const given = Array.isArray(nodes) ? (nodes as readonly { readonly status?: unknown }[]) : [];
    const views = given.flatMap(({ status }) => (status == null ? [] : [readStatus(status)]));
    return new Map(views.map((view) => [view.nodeId, view]));
  } catch (error) {
    if (!(error instanceof WalshipError)) throw error;
    return new Map(); // The directly reached nodes are known; nothing is added.
  }
}

function byNodeId(a: NodeView, b: NodeView): number {
  return a.nodeId < b.nodeId ? -1 : 1;
}

async function ask(
  url: string,
  { nodeId, timeoutMs }: { readonly nodeId: string; readonly timeoutMs: number },
): Promise<NodeView> {
  const address = parseNodeAddress(url);
  try {
    const client = new ClusterClient([url]);
    const status = readStatus(await client.json({ method: 'GET', path: '/v1/status', timeoutMs }));
    return { nodeId: status.nodeId, address, status, failure: undefined };
  } catch (error) {
    if (!(error instanceof WalshipError)) throw error;
    return { nodeId, address, status: undefined, failure: error.message };
  }
}
