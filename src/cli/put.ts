import type { KeyWriteOptions } from '../client/api.ts';
import { checkVersion, parseKey } from './client-options.ts';
import type { ClientOptions, KeyOptions } from './client-options.ts';
import type { CommandIo } from './command-io.ts';
import { withWriter } from './with-client.ts';
import { formatWritten } from './written.ts';

/** Options of `put` and `del`: the level to wait for, and the condition of the write. */
export interface WriteOptions extends ClientOptions, KeyOptions {
  readonly ack: 'local' | 'quorum' | 'all';
  /** Version that the key must be at. */
  readonly ifVersion?: string;
  /** True to write only if the key does not exist. */
  readonly ifAbsent?: boolean;
}

/** Runs `walship put KEY VALUE`: the value is the argument, or standard input for `-`. */
export async function put(
  { key, value }: { readonly key: string; readonly value: string },
  options: WriteOptions,
  io: CommandIo,
): Promise<void> {
  const keyBytes = parseKey(key, options);
  const writeOptions = writeOptionsOf(options);
  const body = value === '-' ? await io.input() : Buffer.from(value, 'utf8');
  const written = await withWriter(options, (db) => db.put(keyBytes, body, writeOptions));
  io.out(formatWritten(written, options));
}

/** Converts `--ack`, `--if-version` and `--if-absent` to the options of the library. */
export function writeOptionsOf({ ack, ifVersion, ifAbsent }: WriteOptions): KeyWriteOptions {
  return {
    ack,
    ...(ifVersion === undefined ? {} : { ifMatch: checkVersion('--if-version', ifVersion) }),
    ...(ifAbsent === true ? { ifAbsent } : {}),
  };
}
