import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { WalshipError } from '../errors.ts';
import { bytesForPeople, keyFromJson, valueFromJson } from './bytes-json.ts';
import { checkVersion } from './client-options.ts';
import type { ClientOptions } from './client-options.ts';
import { ClusterClient } from './cluster-client.ts';
import type { CommandIo } from './command-io.ts';
import { readStatus } from './cluster-status.ts';

export interface WatchOptions extends ClientOptions {
  readonly prefix?: string;
  /** Begin behind this version; without it, with what comes from now on. */
  readonly after?: string;
  /** End after this many changes; 0: never. */
  readonly count: number;
}

const VALUE_COLUMNS_MAX = 100;

/** `walship watch`: applied changes in log order, one line each, until it is interrupted. */
export async function watch(options: WatchOptions, io: CommandIo): Promise<void> {
  const client = new ClusterClient(options.url);
  const after =
    options.after === undefined
      ? await appliedVersion(client, options.timeoutMs)
      : checkVersion('--after', options.after);
  const response = await client.request({
    method: 'GET',
    path: '/v1/watch',
    query: { after, prefix: options.prefix },
    timeoutMs: 0,
  });
  if (response.body === null) throw new WalshipError('PROTOCOL_ERROR', 'the watch has no body');

  const body = Readable.fromWeb(response.body);
  let left = options.count;
  try {
    for await (const line of createInterface({ input: body })) {
      const event = JSON.parse(line) as Readonly<Record<string, unknown>>;
      const change = typeof event['op'] === 'string';
      if (options.json) io.out(`${line}\n`);
      else if (change) io.out(formatChange(event));
      else if (event['error'] !== undefined) throw endedEarly(event['error']);
      if (change && (left -= 1) === 0) return;
    }
  } finally {
    body.destroy();
  }
  throw new WalshipError('NODE_CLOSED', `${response.url} ended the watch`);
}

async function appliedVersion(client: ClusterClient, timeoutMs: number): Promise<string> {
  const reply = await client.json({ method: 'GET', path: '/v1/status', timeoutMs });
  return readStatus(reply).applied;
}

function endedEarly(error: unknown): WalshipError {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return new WalshipError('NODE_CLOSED', `the watch ended: ${String(code)}: ${String(message)}`);
}

function formatChange(event: Readonly<Record<string, unknown>>): string {
  const key = bytesForPeople(keyFromJson(event), VALUE_COLUMNS_MAX);
  const value = valueFromJson(event);
  const shown = value === undefined ? '' : `\t${bytesForPeople(value, VALUE_COLUMNS_MAX)}`;
  return `${String(event['version'])}\t${String(event['op'])}\t${key}${shown}\n`;
}
