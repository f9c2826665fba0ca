import type { Client } from '../client/client.ts';
import { isWalshipError } from '../errors.ts';

/** What became of one write of a load: `OK`, or the code of its failure. */
export interface LoadResult {
  readonly code: string;
  readonly version: string | undefined;
}

/** Writes once; what the library may send again, it does. Never rejects for what a cluster can do. */
export async function loadWrite(
  db: Client,
  key: Buffer,
  { value, ack }: { readonly value: Buffer; readonly ack: 'local' | 'quorum' | 'all' },
): Promise<LoadResult> {
  try {
    const { version } = await db.put(key, value, { ack });
    return { code: 'OK', version };
  } catch (error) {
    if (!isWalshipError(error)) throw error;
    return { code: error.code, version: undefined };
  }
}
