/** Questions to nodes about themselves, over HTTP. */
import type { NodeStatus } from '../../node/api/api.ts';
import { parseVersion } from '../../wal/format/position.ts';
import { callJson } from './http-json.ts';
import type { JsonAnswer, JsonCall } from './http-json.ts';
import type { FinalState } from '../recording/recording.ts';

/** Interface for a drill's requests to nodes; tests have their own. */
export interface AskNode {
  /** Returns `/v1/status`, or undefined if the node does not answer soon. */
  readonly status: (url: string) => Promise<NodeStatus | undefined>;
  /** Returns every live key, or undefined if a page could not be read. */
  readonly entries: (url: string) => Promise<FinalState['entries']>;
  /** Returns the node's own events since it started. */
  readonly events: (url: string) => Promise<readonly unknown[]>;
  /** Makes any other request. */
  readonly call: (call: JsonCall) => Promise<JsonAnswer | undefined>;
}

/** Milliseconds that a paused node may hold up each step. */
const STATUS_MS_MAX = 500;
const PAGE_MS_MAX = 10_000;
const PAGE_KEYS = 1_000;
/** Number of pages that hold more than any drill writes. */
const PAGES_MAX = 10_000;

/** Requests over HTTP. */
export const ASK_OVER_HTTP: AskNode = {
  status: askStatus,
  entries: askEntries,
  events: askEvents,
  call: callJson,
};

async function askStatus(url: string): Promise<NodeStatus | undefined> {
  const answer = await callJson({
    method: 'GET',
    url: `${url}/v1/status`,
    timeoutMs: STATUS_MS_MAX,
  });
  if (answer?.status !== 200) return undefined;
  const status = answer.body as NodeStatus & { readonly applied: unknown };
  const applied = typeof status.applied === 'string' ? parseVersion(status.applied) : undefined;
  return { ...status, applied: applied ?? { epoch: 0, lsn: 0 } };
}

async function askEntries(url: string): Promise<FinalState['entries']> {
  const entries = new Map<string, { value: string; version: { epoch: number; lsn: number } }>();
  let after = '';
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await callJson({
      method: 'GET',
      url: `${url}/v1/kv?limit=${PAGE_KEYS}${after}`,
      timeoutMs: PAGE_MS_MAX,
    });
    if (answer?.status !== 200) return undefined;
    const { entries: found, next } = answer.body as Page;
    for (const entry of found) {
      const version = parseVersion(entry.version);
      if (version === undefined) return undefined;
      const key = entry.key ?? Buffer.from(entry.key64 ?? '', 'base64url').toString('latin1');
      const value = Buffer.from(entry.value64, 'base64').toString('utf8');
      entries.set(key, { value, version });
    }
    if (next === null) return entries;
    after = `&after64=${next.after64}`;
  }
  return undefined;
}

interface Page {
  readonly entries: readonly {
    readonly key?: string;
    readonly key64?: string;
    readonly value64: string;
    readonly version: string;
  }[];
  readonly next: { readonly after64: string } | null;
}

async function askEvents(url: string): Promise<readonly unknown[]> {
  const answer = await callJson({ method: 'GET', url: `${url}/v1/events`, timeoutMs: PAGE_MS_MAX });
  const { events } = (answer?.body ?? {}) as { readonly events?: readonly unknown[] };
  return events ?? [];
}
