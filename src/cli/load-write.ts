import type { Client } from '../client/client.ts';
import { isWalshipError } from '../errors.ts';

/** Result of one write of a load: `OK`, or the code of its failure. */
export interface LoadResult {
  readonly code: string;
  readonly version: string | undefined;
}

/** Writes once, with the repeats of the library. Never rejects for a failure that a cluster can cause. */
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
