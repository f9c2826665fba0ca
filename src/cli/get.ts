import { WalshipError } from '../errors.ts';
import { keyToJson } from '../protocol/key-json.ts';
import { bytesForPeople } from './bytes-json.ts';
import { KEY_COLUMNS_MAX, checkVersion, parseKey } from './client-options.ts';
import type { ClientOptions, KeyOptions } from './client-options.ts';
import type { CommandIo } from './command-io.ts';
import { withClient } from './with-client.ts';

export interface GetOptions extends ClientOptions, KeyOptions {
  readonly read: 'local' | 'linearizable';
  readonly minVersion?: string;
}

/** Runs `walship get KEY`: prints the value's bytes unchanged, without a line end; an absent key is a failure. */
export async function get(key: string, options: GetOptions, io: CommandIo): Promise<void> {
  const keyBytes = parseKey(key, options);
  const { minVersion, read } = options;
  const least =
    minVersion === undefined ? {} : { minVersion: checkVersion('--min-version', minVersion) };
  const found = await withClient(options, (db) => db.get(keyBytes, { read, ...least }));
  if (found === undefined) {
    const name = bytesForPeople(keyBytes, KEY_COLUMNS_MAX);
    throw new WalshipError('KEY_NOT_FOUND', `there is no key ${name}`);
  }
  const { value, version, applied } = found;
  if (!options.json) return io.out(value);
  const answer = { ...keyToJson(keyBytes), value64: value.toString('base64'), version, applied };
  io.out(`${JSON.stringify(answer)}\n`);
}
