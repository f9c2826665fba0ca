/** What an operator asks of a cluster, over HTTP: once, or until it is done. */
import type { NodeStatus } from '../node/api.ts';
import type { Expected, OperatorAction } from './fault.ts';
import type { JsonAnswer, JsonCall } from './http-json.ts';
import type { TimelineEvent } from './recording.ts';

/** How long a node may take to leave its history: what it has beside is saved first. */
const REJOIN_MS_MAX = 10_000;

export type Answer = NonNullable<TimelineEvent['answer']>;

/** The request that an order is; undefined: nobody leads who could be asked to hand over. */
export function requestOf(
  order: OperatorAction,
  {
    urlOf,
    leaderUrl,
  }: { readonly urlOf: (nodeId: string) => string; readonly leaderUrl: string | undefined },
): Pick<JsonCall, 'url' | 'body'> | undefined {
  const at = (nodeId: string, verb: string): string => `${urlOf(nodeId)}/v1/admin/${verb}`;
  switch (order.kind) {
    case 'promote':
      return { url: at(order.node, 'promote') };
    case 'snapshot':
      return { url: at(order.node, 'snapshot') };
    case 'failover':
      return {
        url: at(order.node, 'failover'),
        body: { acceptDataLoss: order.acceptDataLoss },
      };
    case 'rejoin':
      return {
        url: at(order.node, 'rejoin'),
        body: { discard: order.discard, timeoutMs: REJOIN_MS_MAX },
      };
    case 'switchover':
  }
  if (leaderUrl === undefined) return undefined;
  const { to, timeoutMs } = order;
  return { url: `${leaderUrl}/v1/admin/switchover`, body: { to, timeoutMs } };
}

/** What the answer of a node, or its silence, says. */
export function readAnswer(answer: JsonAnswer | undefined): Answer {
  if (answer === undefined) {
    return { ok: false, code: 'NO_ANSWER', text: 'there was no answer', body: null };
  }
  const { status, body } = answer;
  if (status === 200) return { ok: true, code: undefined, text: textOf(body), body };
  const { error } = (body ?? {}) as { readonly error?: ErrorBody };
  return {
    ok: false,
    code: error?.code ?? `HTTP_${status}`,
    reason: typeof error?.reason === 'string' ? error.reason : undefined,
    text: error?.message ?? `HTTP ${status}`,
    body,
  };
}

interface ErrorBody {
  readonly code?: string;
  readonly message?: string;
  /** Details are beside it, of any shape. */
  readonly reason?: unknown;
}

/** The answer where nobody could be asked. */
export const NOBODY_LEADS: Answer = {
  ok: false,
  code: 'NO_LEADER',
  text: 'no node leads',
  body: null,
};

/** The gist of what was answered. */
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

/** Whether what an order is for is so already: it is then done, whatever was answered to it. */
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
  }
  return false;
}

/**
 * Whether asking again would serve no end: a node that was started a moment ago may not answer yet, and one that has not heard from the
 * others yet refuses for another reason than it will.
 */
export function isSettled(expected: Expected, answer: Answer): boolean {
  if (expected.expect === 'done') return answer.ok;
  return answer.ok || asExpected(expected, answer);
}

/** Somebody said no, and why: silence is no refusal, nor is a leader that nobody found. */
function isRefusal({ ok, code = '', body }: Answer): boolean {
  return !ok && body !== null && !code.startsWith('HTTP_');
}

/** Whether the answer is what the scenario expects. */
export function asExpected({ expect, reason }: Expected, answer: Answer): boolean {
  if (expect === 'any') return true;
  if (expect === 'done') return answer.ok;
  return isRefusal(answer) && (reason === undefined || reason === reasonOf(answer));
}

/** Why it was refused, as narrowly as the answer says. */
function reasonOf({ code, reason }: Answer): string | undefined {
  return reason ?? code;
}
