/** Handles `GET /v1/cluster`: asks every voter for its own view now. */
import { isWalshipError } from '../errors.ts';
import type { NodeApi, Reason } from '../node/api/api.ts';
import type { Delay } from './event-loop-delay.ts';
import type { Exchange } from './exchange.ts';
import { fetchStatus } from './peer-status.ts';
import { sendJson } from './reply.ts';
import { statusToJson } from './status.ts';

interface Asked {
  readonly nodeId: string;
  readonly address: string | null;
  readonly reachable: boolean;
  /** Reason why there is no status; null where there is one. */
  readonly reason: Reason | null;
  readonly status: Readonly<Record<string, unknown>> | null;
}

export async function getCluster({ node, query, response, shared }: Exchange): Promise<void> {
  query.finish();
  const nodes = await askAll(node, shared.delay.read());
  sendJson(response, { askedBy: node.nodeId, leader: leaderOf(nodes), nodes });
}

async function askAll(node: NodeApi, delay: Delay): Promise<readonly Asked[]> {
  const own = node.status();
  const others = own.voters.filter((voter) => voter.nodeId !== node.nodeId);
  const address = own.voters.find((voter) => voter.nodeId === node.nodeId)?.address ?? null;
  const asked = await Promise.all(others.map((voter) => ask(voter.nodeId, voter.address)));
  const all = [answered(node.nodeId, address, statusToJson(own, delay)), ...asked];
  return all.toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
}

function answered(nodeId: string, address: string | null, status: object): Asked {
  return { nodeId, address, reachable: true, reason: null, status: { ...status } };
}

async function ask(nodeId: string, address: string): Promise<Asked> {
  try {
    const status = await fetchStatus(address);
    if (status['nodeId'] === nodeId) return answered(nodeId, address, status);
    const message = `${address} is ${String(status['nodeId'])}, expected ${nodeId}`;
    return failed(nodeId, address, { code: 'CONFIG_MISMATCH', message });
  } catch (error) {
    if (!isWalshipError(error)) throw error;
    return failed(nodeId, address, { code: error.code, message: error.message });
  }
}

function failed(nodeId: string, address: string, reason: Reason): Asked {
  return { nodeId, address, reachable: false, reason, status: null };
}

/**
 * Returns the node that reports to lead. Of several, the one of the highest epoch: the others have not heard of it
 * yet.
 */
function leaderOf(nodes: readonly Asked[]): { nodeId: string; epoch: number } | null {
  const leaders = nodes.flatMap(({ nodeId, status }) =>
    status?.['role'] === 'leader' ? [{ nodeId, epoch: Number(status['epoch']) }] : [],
  );
  return leaders.toSorted((a, b) => b.epoch - a.epoch)[0] ?? null;
}
