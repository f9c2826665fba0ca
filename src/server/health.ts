/** Health checks for load balancers: 200, or 503 with a reason. */
import { isWalshipError } from '../errors.ts';
import type { NodeStatus, Reason } from '../node/api/api.ts';
import type { Exchange } from './exchange.ts';
import { fetchStatus } from './peer-status.ts';
import { sendJson } from './reply.ts';

/** Reason for a negative answer, and the leader. */
type Shortfall = Reason & { readonly leader?: NodeStatus['leader'] };

/** Handles `GET /livez`: the process answers and its node runs. */
export function getLive({ node, query, response }: Exchange): void {
  query.finish();
  const { role } = node.status();
  answer({ response }, role === 'stopped' ? reason('NODE_CLOSED', 'the node has stopped') : null);
}

/**
 * Handles `GET /readyz`: the node leads or follows a leader, and has applied all that was acknowledged before it did.
 */
export function getReady({ node, query, response }: Exchange): void {
  query.finish();
  answer({ response }, node.status().notReady);
}

/** Handles `GET /leader`: the node leads, is ready, and takes writes, which is the purpose of asking for a leader. */
export function getLeader({ node, query, response }: Exchange): void {
  query.finish();
  const { role, leader, notReady, unwritable = null } = node.status();
  if (role === 'leader') return answer({ response }, notReady ?? unwritable);
  if (leader === null) {
    return answer({ response }, reason('NO_LEADER', `this node is a ${role}, and knows no leader`));
  }
  const { nodeId, address } = leader;
  const message = `this node is a ${role}; ${nodeId} at ${address} leads`;
  answer({ response }, { ...reason('NOT_LEADER', message), leader });
}

/**
 * Handles `GET /follower?lagBytes=`: the node follows, and the leader has no more than that many bytes left to send
 * to it.
 */
export async function getFollower({ node, query, response }: Exchange): Promise<void> {
  const lagBytesMax = query.integer('lagBytes', { min: 0, max: Number.MAX_SAFE_INTEGER });
  query.finish();
  const status = node.status();
  const wrongRole =
    status.role === 'follower' ? null : reason('NOT_FOLLOWER', `this node is a ${status.role}`);
  const short = wrongRole ?? status.notReady;
  if (short !== null || lagBytesMax === undefined) return answer({ response }, short);
  answer({ response }, await judgeLag(status, lagBytesMax));
}

/** Judges the lag by asking the leader: a follower cannot know of records that it has not heard of. */
async function judgeLag(status: NodeStatus, lagBytesMax: number): Promise<Reason | null> {
  if (status.leader === null) return reason('NO_LEADER', 'no leader is known');
  try {
    const view = (await fetchStatus(status.leader.address)) as Partial<NodeStatus>;
    const own = view.followers?.find((follower) => follower.nodeId === status.nodeId);
    if (own?.connected !== true) return reason('NO_LEADER', 'the leader is not connected to it');
    if (own.lagBytes <= lagBytesMax) return null;
    return reason('BUSY', `${own.lagBytes} bytes behind, the request allows ${lagBytesMax}`);
  } catch (error) {
    if (!isWalshipError(error)) throw error;
    return reason(error.code, `the leader does not say how far behind it is: ${error.message}`);
  }
}

function reason(code: string, message: string): Reason {
  return { code, message };
}

function answer({ response }: Pick<Exchange, 'response'>, short: Shortfall | null): void {
  if (short === null) sendJson(response, { ok: true });
  else sendJson(response, { ok: false, reason: short }, 503);
}
