/** Handles `GET /v1/kv?prefix=&after=&limit=`: a page of keys. */
import type { NodeApi, ScanRequest, ScanResult } from '../node/api/api.ts';
import { formatVersion } from '../wal/format/position.ts';
import { keyToJson } from '../protocol/key-json.ts';
import { holdAnswer } from './body.ts';
import type { Exchange } from './exchange.ts';
import { PAGE_BYTES_MAX, PAGE_KEYS_DEFAULT, PAGE_KEYS_MAX } from './limits.ts';
import { endAnswer, sendPieces } from './sending.ts';
import { jsonWithValue } from './value-json.ts';

/** Entries read in the first step, because each may be large; each further step reads twice as many. */
const FIRST_STEP_KEYS = 4;

export async function getPage(exchange: Exchange): Promise<void> {
  const { node, query, response, shared } = exchange;
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
  const pieces = await shared.turns.run(pageJson(page));
  if (response.destroyed) return;
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  response.setHeader('walship-version', formatVersion(page.applied));
  response.writeHead(200, {
    'cache-control': 'no-store',
    'content-type': 'application/json',
    'content-length': bytes,
  });
  await sendPieces(response, pieces, shared.turns);
  endAnswer(response);
}

/** Writes the page as JSON, in steps. */
function* pageJson({ entries, more, applied }: ScanResult): Generator<void, Buffer[], void> {
  const pieces: Buffer[] = [Buffer.from('{"entries":[')];
  for (const [index, { key, value, version }] of entries.entries()) {
    const tail = { version: formatVersion(version) };
    const end = index < entries.length - 1 ? ',' : '';
    for (const piece of jsonWithValue({ head: keyToJson(key), value, tail, end })) {
      pieces.push(piece);
      yield;
    }
  }
  const last = entries.at(-1);
  const next = more && last !== undefined ? { after64: last.key.toString('base64url') } : null;
  const rest = JSON.stringify({ more, next, applied: formatVersion(applied) });
  pieces.push(Buffer.from(`],${rest.slice(1)}\n`));
  return pieces;
}

/** Returns about the size of the page as JSON, in bytes. */
function jsonBytesOf({ entries }: ScanResult): number {
  const bytes = entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  return Math.ceil((bytes * 4) / 3);
}

/**
 * Collects at most `limit` entries, and none after the one that reaches PAGE_BYTES_MAX. `applied` is that of the
 * first step.
 */
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
