/** Orders of an operator to a cluster, over HTTP: once, or until they are done. */
import type { NodeStatus } from '../../node/api/api.ts';
import type { Expected, OperatorAction } from '../faults/fault.ts';
import type { JsonAnswer, JsonCall } from '../target/http-json.ts';
import type { TimelineEvent } from '../recording/recording.ts';

/** Milliseconds that a node may take to leave its history: the rest of its log is saved first. */
const REJOIN_MS_MAX = 10_000;

export type Answer = NonNullable<TimelineEvent['answer']>;

type Request = Pick<JsonCall, 'method' | 'url' | 'body'>;

/** Paths that health checks and operators request from a node. */
const PROBED = ['/livez', '/readyz', '/v1/status', '/v1/events'] as const;
/** Path of a page with one key, enough to see that the node reads. */
const PAGE_PATH = '/v1/kv?limit=1';

/**
 * Returns the requests of an order, of which the first that fails is its answer; undefined: no node leads that could
 * be asked to hand over.
 */
export function requestsOf(
  order: OperatorAction,
  {
    urlOf,
    leaderUrl,
  }: { readonly urlOf: (nodeId: string) => string; readonly leaderUrl: string | undefined },
): readonly Request[] | undefined {
  const get = (nodeId: string, resource: string): Request => {
    return { method: 'GET', url: `${urlOf(nodeId)}${resource}` };
  };
  const post = (url: string, verb: string, body?: object): readonly Request[] => {
    return [{ method: 'POST', url: `${url}/v1/admin/${verb}`, body }];
  };
  switch (order.kind) {
    case 'promote':
    case 'snapshot':
      return post(urlOf(order.node), order.kind);
    case 'failover':
      return post(urlOf(order.node), order.kind, { acceptDataLoss: order.acceptDataLoss });
    case 'rejoin': {
      const body = { discard: order.discard, timeoutMs: REJOIN_MS_MAX };
      return post(urlOf(order.node), order.kind, body);
    }
    case 'probe':
      return PROBED.map((resource) => get(order.node, resource));
    case 'read':
      return [get(order.node, PAGE_PATH)];
    case 'switchover':
  }
  if (leaderUrl === undefined) return undefined;
  const { to, timeoutMs } = order;
  return post(leaderUrl, order.kind, { to, timeoutMs });
}

/** Makes the requests of an order, one after the other, until one fails. */
export async function carryOut(
  requests: readonly Request[] | undefined,
  call: (request: Request) => Promise<JsonAnswer | undefined>,
): Promise<Answer> {
  let answer = NOBODY_LEADS;
  for (const request of requests ?? []) {
    answer = readAnswer(await call(request));
    if (!answer.ok) break;
  }
  return answer;
}

/** Reads the answer of a node, or its silence. */
export function readAnswer(answer: JsonAnswer | undefined): Answer {
  if (answer === undefined) {
    return { ok: false, code: 'NO_ANSWER', text: 'there was no answer', body: null };
  }
  const { status, body } = answer;
  if (status === 200) return answered(body);
  const { error, reason: why } = (body ?? {}) as {
    readonly error?: ErrorBody;
    readonly reason?: ErrorBody;
  };
  return {
    ok: false,
    code: error?.code ?? why?.code ?? `HTTP_${status}`,
    reason: typeof error?.reason === 'string' ? error.reason : undefined,
    text: error?.message ?? why?.message ?? `HTTP ${status}`,
    body,
  };
}

function answered(body: unknown): Answer {
  const { entries } = (body ?? {}) as { readonly entries?: readonly unknown[] };
  if (entries?.length === 0) return { ok: false, code: 'EMPTY', text: 'it holds no key', body };
  return { ok: true, code: undefined, text: textOf(body), body };
}

interface ErrorBody {
  readonly code?: string;
  readonly message?: string;
  /** Reason beside the details, of any shape. */
  readonly reason?: unknown;
}

/** Answer for an order that no node could be asked for. */
export const NOBODY_LEADS: Answer = {
  ok: false,
  code: 'NO_LEADER',
  text: 'no node leads',
  body: null,
};

/** Returns the gist of an answer. */
function textOf(body: unknown): string {
  const { epoch, tookMs, to, lsn, done } = (body ?? {}) as Partial<
    Record<'epoch' | 'tookMs' | 'to' | 'lsn' | 'done', unknown>
  >;
  const parts = [
    typeof to === 'string' ? `${to} leads` : '',
    typeof epoch === 'number' ? `epoch ${epoch}` : '',
    typeof lsn === 'number' ? `up to LSN ${lsn}` : '',
    done === false ? 'nothing was done' : '',
    typeof tookMs === 'number' ? `after ${Math.round(tookMs)} ms` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'done' : parts.join(', ');
}

/** Returns true if the goal of an order is reached: it is then done, whatever its answer was. */
export function isDone(order: OperatorAction, statuses: readonly NodeStatus[]): boolean {
  const leads = statuses.filter(({ role }) => role === 'leader');
  const [leader] = leads;
  if (leads.length !== 1 || leader === undefined) return false;
  switch (order.kind) {
    case 'switchover':
      return leader.nodeId === order.to;
    case 'promote':
      return leader.nodeId === order.node;
    case 'rejoin': {
      const own = statuses.find(({ nodeId }) => nodeId === order.node);
      return own?.historyId === leader.historyId && own.notReady === null;
    }
    case 'failover':
    case 'snapshot':
    case 'probe':
    case 'read':
  }
  return false;
}

/**
 * Returns true if asking again would be useless: a node that was started a moment ago may not answer yet, and one
 * that has not heard from the others yet refuses for another reason than it will later.
 */
export function isSettled(
  order: Expected & { readonly kind?: OperatorAction['kind'] },
  answer: Answer,
): boolean {
  // A health check that has to ask twice has failed.
  if (order.kind === 'probe') return true;
  if (order.expect === 'done') return answer.ok;
  return answer.ok || asExpected(order, answer);
}

/** Returns true for a reasoned refusal: silence is none, nor is a leader that was not found. */
function isRefusal({ ok, code = '', body }: Answer): boolean {
  return !ok && body !== null && !code.startsWith('HTTP_');
}

/** Returns true if the answer is what the scenario expects. */
export function asExpected({ expect, reason }: Expected, answer: Answer): boolean {
  if (expect === 'any') return true;
  if (expect === 'done') return answer.ok;
  return isRefusal(answer) && (reason === undefined || reason === reasonOf(answer));
}

/** Returns the reason of the refusal, as narrow as the answer has it. */
function reasonOf({ code, reason }: Answer): string | undefined {
  return reason ?? code;
}
