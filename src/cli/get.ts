import { keyToJson } from './bytes-json.ts';
import { GRACE_MS, checkVersion, parseKey } from './client-options.ts';
import type { ClientOptions, KeyOptions } from './client-options.ts';
import { ClusterClient, keyTarget } from './cluster-client.ts';
import type { CommandIo } from './command-io.ts';

export interface GetOptions extends ClientOptions, KeyOptions {
  readonly read: string;
  readonly minVersion?: string;
}

/** `walship get KEY`: the value's bytes as they are, without a line end; an absent key is a failure. */
export async function get(key: string, options: GetOptions, io: CommandIo): Promise<void> {
  const keyBytes = parseKey(key, options);
  const target = keyTarget(keyBytes);
  const { minVersion } = options;
  const response = await new ClusterClient(options.url).request({
    method: 'GET',
    path: target.path,
    query: {
      ...target.query,
      read: options.read,
      timeoutMs: options.timeoutMs,
      minVersion: minVersion === undefined ? undefined : checkVersion('--min-version', minVersion),
    },
    timeoutMs: options.timeoutMs + GRACE_MS,
  });
  const value = Buffer.from(await response.arrayBuffer());
  if (!options.json) return io.out(value);
  const answer = {
    ...keyToJson(keyBytes),
    value64: value.toString('base64'),
    version: response.headers.get('etag')?.replaceAll('"', '') ?? null,
    applied: response.headers.get('walship-version'),
  };
  io.out(`${JSON.stringify(answer)}\n`);
}
