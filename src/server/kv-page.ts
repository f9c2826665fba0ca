/** A page of keys: `GET /v1/kv?prefix=&after=&limit=`. */
import type { NodeApi, ScanRequest, ScanResult } from '../node/api.ts';
import { formatVersion } from '../wal/position.ts';
import { keyToJson } from '../protocol/key-json.ts';
import { holdAnswer } from './body.ts';
import type { Exchange } from './exchange.ts';
import { PAGE_BYTES_MAX, PAGE_KEYS_DEFAULT, PAGE_KEYS_MAX } from './limits.ts';
import { sendJson } from './reply.ts';

/** Entries are asked for in steps, because each may be large: the first step this small, then twice as many. */
const FIRST_STEP_KEYS = 4;

export async function getPage(exchange: Exchange): Promise<void> {
  const { node, query, response } = exchange;
  const prefix = query.bytes('prefix');
  const after = query.bytes('after');
  const minVersion = query.version('minVersion');
  const limit = query.integer('limit', { min: 1, max: PAGE_KEYS_MAX }) ?? PAGE_KEYS_DEFAULT;
  const timeoutMs = query.timeoutMs();
  query.finish();
  const page = await collect(node, {
    limit,
    timeoutMs,
    ...(prefix === undefined ? {} : { prefix }),
    ...(after === undefined ? {} : { after }),
    ...(minVersion === undefined ? {} : { minVersion }),
  });
  holdAnswer(exchange, jsonBytesOf(page));
  const last = page.entries.at(-1);
  const applied = formatVersion(page.applied);
  response.setHeader('walship-version', applied);
  sendJson(response, {
    entries: page.entries.map(({ key, value, version }) => ({
      ...keyToJson(key),
      value64: value.toString('base64'),
      version: formatVersion(version),
    })),
    more: page.more,
    next: page.more && last !== undefined ? { after64: last.key.toString('base64url') } : null,
    applied,
  });
}

/** About what it measures as JSON. */
function jsonBytesOf({ entries }: ScanResult): number {
  const bytes = entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  return Math.ceil((bytes * 4) / 3);
}

/** At most `limit` entries, and none behind the one that reaches PAGE_BYTES_MAX. `applied` is that of the first step. */
async function collect(node: NodeApi, request: ScanRequest): Promise<ScanResult> {
  const entries: ScanResult['entries'][number][] = [];
  let applied: ScanResult['applied'] | undefined;
  let bytes = 0;
  let step = FIRST_STEP_KEYS;
  for (;;) {
    const after = entries.at(-1)?.key ?? request.after;
    const limit = Math.min(step, request.limit - entries.length);
    const part = await node.scan({ ...request, ...(after === undefined ? {} : { after }), limit });
    applied ??= part.applied;
    for (const [index, entry] of part.entries.entries()) {
      entries.push(entry);
      bytes += entry.key.length + entry.value.length;
      const more = index + 1 < part.entries.length || part.more;
      if (bytes >= PAGE_BYTES_MAX) return { entries, more, applied };
    }
    if (!part.more || entries.length >= request.limit) return { ...part, entries, applied };
    step *= 2;
  }
}
