import type { KeyWriteOptions } from '../client/api.ts';
import { checkVersion, parseKey } from './client-options.ts';
import type { ClientOptions, KeyOptions } from './client-options.ts';
import type { CommandIo } from './command-io.ts';
import { withWriter } from './with-client.ts';
import { formatWritten } from './written.ts';

/** What `put` and `del` share: the level to wait for, and on what condition to write. */
export interface WriteOptions extends ClientOptions, KeyOptions {
  readonly ack: 'local' | 'quorum' | 'all';
  /** Write only where the key is at this version. */
  readonly ifVersion?: string;
  /** Write only where there is no such key. */
  readonly ifAbsent?: boolean;
}

/** `walship put KEY VALUE`: the value is the argument, or standard input for `-`. */
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

/** What the library calls `--ack`, `--if-version` and `--if-absent`. */
export function writeOptionsOf({ ack, ifVersion, ifAbsent }: WriteOptions): KeyWriteOptions {
  return {
    ack,
    ...(ifVersion === undefined ? {} : { ifMatch: checkVersion('--if-version', ifVersion) }),
    ...(ifAbsent === true ? { ifAbsent } : {}),
  };
}
