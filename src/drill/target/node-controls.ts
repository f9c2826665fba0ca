/** Orders to a node that was started for drills, to break itself: `POST /v1/drill`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WalshipError } from '../../errors.ts';
import type { NodeFault } from '../../ports/break-node.ts';
import { ASK_OVER_HTTP } from './ask-node.ts';
import { callJson } from './http-json.ts';

/** Milliseconds that a node may take to answer. */
const ANSWER_MS_MAX = 10_000;
/** Milliseconds that a newly started node may take until it listens. */
const LISTEN_MS_MAX = 10_000;
const POLL_MS = 30;

/** Resolves when the node has done it. @throws WalshipError DRILL_FAILED where it does not answer, or refuses. */
export async function controlNode(url: string, fault: NodeFault): Promise<void> {
  const answer = await post(url, fault);
  if (answer === undefined) throw new WalshipError('DRILL_FAILED', `${url} does not answer`);
  if (answer.status !== 200) {
    throw new WalshipError('DRILL_FAILED', `${url} refuses: ${JSON.stringify(answer.body)}`);
  }
}

/** The node loses what it has not synced, and dies of it: no answer is the right one. @throws WalshipError DRILL_FAILED where it refuses. */
export async function cutPower(url: string, seed: number): Promise<void> {
  const answer = await post(url, { kind: 'power-cut', seed });
  if (answer === undefined) return;
  throw new WalshipError('DRILL_FAILED', `${url} lives on: ${JSON.stringify(answer.body)}`);
}

async function post(url: string, body: NodeFault): ReturnType<typeof callJson> {
  const endMs = performance.now() + LISTEN_MS_MAX;
  while ((await ASK_OVER_HTTP.status(url)) === undefined && performance.now() < endMs) {
    await sleep(POLL_MS);
  }
  return await callJson({ method: 'POST', url: `${url}/v1/drill`, body, timeoutMs: ANSWER_MS_MAX });
}
