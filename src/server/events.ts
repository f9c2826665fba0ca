import { EVENTS_MAX } from '../node/api/event-log.ts';
import type { Exchange } from './exchange.ts';
import { sendJson } from './reply.ts';

/** Handles `GET /v1/events?after=&limit=`: events of this node since it started, oldest first. */
export function getEvents({ node, query, response }: Exchange): void {
  const after = query.integer('after', { min: 0, max: Number.MAX_SAFE_INTEGER }) ?? 0;
  const limit = query.integer('limit', { min: 1, max: EVENTS_MAX }) ?? EVENTS_MAX;
  query.finish();
  sendJson(response, node.events({ after, limit }));
}
