import { GRACE_MS, checkVersion, parseKey } from './client-options.ts';
import type { ClientOptions, KeyOptions } from './client-options.ts';
import { ClusterClient, keyTarget } from './cluster-client.ts';
import type { CommandIo } from './command-io.ts';
import { formatWritten } from './written.ts';

/** What `put` and `del` share: the level to wait for, and on what condition to write. */
export interface WriteOptions extends ClientOptions, KeyOptions {
  readonly ack: string;
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
  const target = keyTarget(parseKey(key, options));
  const body = value === '-' ? await io.input() : Buffer.from(value, 'utf8');
  const reply = await new ClusterClient(options.url).json({
    method: 'PUT',
    path: target.path,
    query: { ...target.query, ack: options.ack, timeoutMs: options.timeoutMs },
    headers: { 'content-type': 'application/octet-stream', ...conditionHeaders(options) },
    body: Uint8Array.from(body),
    timeoutMs: options.timeoutMs + GRACE_MS,
  });
  io.out(formatWritten(reply, options.json));
}

/** The HTTP conditions that `--if-version` and `--if-absent` stand for. */
export function conditionHeaders(options: WriteOptions): Record<string, string> {
  const { ifVersion, ifAbsent } = options;
  return {
    ...(ifVersion === undefined
      ? {}
      : { 'if-match': `"${checkVersion('--if-version', ifVersion)}"` }),
    ...(ifAbsent === true ? { 'if-none-match': '*' } : {}),
  };
}
