import { WalshipError } from '../errors.ts';
import { bytesForPeople, keyFromJson, valueFromJson } from './bytes-json.ts';
import { GRACE_MS } from './client-options.ts';
import type { ClientOptions } from './client-options.ts';
import { ClusterClient } from './cluster-client.ts';
import type { CommandIo } from './command-io.ts';

export interface ScanOptions extends ClientOptions {
  readonly prefix?: string;
  /** Begin behind this key. */
  readonly after?: string;
  /** How many keys at most, over all pages. */
  readonly limit: number;
}

const PAGE_KEYS = 500;
const VALUE_COLUMNS_MAX = 100;

/** `walship scan`: keys in byte order, page by page, one line each. */
export async function scan(options: ScanOptions, io: CommandIo): Promise<void> {
  const client = new ClusterClient(options.url);
  let after: Record<string, string> = options.after === undefined ? {} : { after: options.after };
  let left = options.limit;
  while (left > 0) {
    const reply = (await client.json({
      method: 'GET',
      path: '/v1/kv',
      query: {
        prefix: options.prefix,
        ...after,
        limit: Math.min(left, PAGE_KEYS),
        timeoutMs: options.timeoutMs,
      },
      timeoutMs: options.timeoutMs + GRACE_MS,
    })) as { entries?: unknown; more?: unknown };
    const entries = readEntries(reply.entries);
    for (const entry of entries) io.out(formatEntry(entry, options.json));

    left -= entries.length;
    const last = entries.at(-1);
    if (last === undefined || reply.more !== true) return;
    after = behind(last);
  }
}

type Entry = Readonly<Record<string, unknown>>;

function readEntries(entries: unknown): readonly Entry[] {
  if (Array.isArray(entries)) return entries as readonly Entry[];
  throw new WalshipError('PROTOCOL_ERROR', 'the answer to a scan holds no entries');
}

function behind(entry: Entry): Record<string, string> {
  if (typeof entry['key'] === 'string') return { after: entry['key'] };
  return { after64: String(entry['key64']) };
}

function formatEntry(entry: Entry, json: boolean): string {
  if (json) return `${JSON.stringify(entry)}\n`;
  const key = bytesForPeople(keyFromJson(entry), VALUE_COLUMNS_MAX);
  const value = bytesForPeople(valueFromJson(entry) ?? Buffer.alloc(0), VALUE_COLUMNS_MAX);
  return `${key}\t${String(entry['version'])}\t${value}\n`;
}
