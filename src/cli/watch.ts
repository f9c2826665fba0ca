import type { Change } from '../client/api.ts';
import { keyToJson } from '../protocol/key-json.ts';
import { bytesForPeople } from './bytes-json.ts';
import { KEY_COLUMNS_MAX, checkVersion } from './client-options.ts';
import type { ClientOptions } from './client-options.ts';
import type { CommandIo } from './command-io.ts';
import { withClient } from './with-client.ts';

export interface WatchOptions extends ClientOptions {
  readonly prefix?: string;
  /** Version to start after; without it, the watch starts with the next changes. */
  readonly after?: string;
  /** Number of changes after which it ends; 0: never. */
  readonly count: number;
}

/**
 * Runs `walship watch`: prints applied changes in log order, one line each, until it is interrupted; moves from node
 * to node.
 */
export async function watch(options: WatchOptions, io: CommandIo): Promise<void> {
  const { prefix, after } = options;
  const range = {
    ...(prefix === undefined ? {} : { prefix }),
    ...(after === undefined ? {} : { after: checkVersion('--after', after) }),
  };
  let left = options.count;
  await withClient(options, async (db) => {
    for await (const change of db.watch(range)) {
      io.out(formatChange(change, options.json));
      if ((left -= 1) === 0) return;
    }
  });
}

function formatChange({ op, key, value, version, last }: Change, json: boolean): string {
  if (json) {
    const value64 = op === 'put' ? { value64: value.toString('base64') } : {};
    return `${JSON.stringify({ op, ...keyToJson(key), ...value64, version, last })}\n`;
  }
  const shown = op === 'put' ? `\t${bytesForPeople(value, KEY_COLUMNS_MAX)}` : '';
  return `${version}\t${op}\t${bytesForPeople(key, KEY_COLUMNS_MAX)}${shown}\n`;
}
