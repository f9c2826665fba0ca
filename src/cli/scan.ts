import type { Entry } from '../client/api.ts';
import { keyToJson } from '../protocol/key-json.ts';
import { bytesForPeople } from './bytes-json.ts';
import { KEY_COLUMNS_MAX } from './client-options.ts';
import type { ClientOptions } from './client-options.ts';
import type { CommandIo } from './command-io.ts';
import { withClient } from './with-client.ts';

export interface ScanOptions extends ClientOptions {
  readonly prefix?: string;
  /** Key to start after (exclusive). */
  readonly after?: string;
  /** Number of keys at most, over all pages. */
  readonly limit: number;
}

/** Runs `walship scan`: prints keys in byte order, one line each. */
export async function scan(options: ScanOptions, io: CommandIo): Promise<void> {
  const { prefix, after, limit } = options;
  const range = {
    limit,
    ...(prefix === undefined ? {} : { prefix }),
    ...(after === undefined ? {} : { after }),
  };
  await withClient(options, async (db) => {
    for await (const entry of db.scan(range)) io.out(formatEntry(entry, options.json));
  });
}

function formatEntry({ key, value, version }: Entry, json: boolean): string {
  if (json) {
    const value64 = value.toString('base64');
    return `${JSON.stringify({ ...keyToJson(key), value64, version })}\n`;
  }
  const columns = [key, value].map((bytes) => bytesForPeople(bytes, KEY_COLUMNS_MAX));
  return `${columns[0] ?? ''}\t${version}\t${columns[1] ?? ''}\n`;
}
