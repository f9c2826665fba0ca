import { parseKey } from './client-options.ts';
import type { CommandIo } from './command-io.ts';
import { writeOptionsOf } from './put.ts';
import type { WriteOptions } from './put.ts';
import { withWriter } from './with-client.ts';
import { formatWritten } from './written.ts';

/** Runs `walship del KEY`; succeeds for an absent key too. */
export async function del(key: string, options: WriteOptions, io: CommandIo): Promise<void> {
  const keyBytes = parseKey(key, options);
  const writeOptions = writeOptionsOf(options);
  const written = await withWriter(options, (db) => db.delete(keyBytes, writeOptions));
  io.out(formatWritten(written, options));
}
