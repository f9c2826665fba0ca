import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { WalshipError } from '../errors.ts';
import { PEER_STATUS_BYTES_MAX, PEER_STATUS_MS_MAX } from './limits.ts';

/**
 * Fetches `/v1/status` of the node at `address`. Checks only that the answer is an object with a `nodeId`.
 * @throws WalshipError PEER_UNREACHABLE, after PEER_STATUS_MS_MAX at the latest.
 */
export async function fetchStatus(address: string): Promise<Readonly<Record<string, unknown>>> {
  const signal = AbortSignal.timeout(PEER_STATUS_MS_MAX);
  try {
    const value: unknown = JSON.parse(await fetchText(`http://${address}/v1/status`, signal));
    if (typeof value === 'object' && value !== null && 'nodeId' in value) return { ...value };
  } catch (cause) {
    const why = signal.aborted ? `no answer within ${PEER_STATUS_MS_MAX} ms` : describe(cause);
    throw new WalshipError('PEER_UNREACHABLE', `${address}: ${why}`, { cause });
  }
  throw new WalshipError('PEER_UNREACHABLE', `${address}: the answer is not a status`);
}

function fetchText(url: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    // A connection of its own: a pooled one may be half closed, and status has to be honest.
    const request = get(url, { agent: false, signal }, (response) => {
      collect(response).then(resolve, reject);
    });
    request.on('error', reject);
  });
}

async function collect(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > PEER_STATUS_BYTES_MAX) throw new RangeError(`more than ${bytes - 1} bytes`);
    chunks.push(chunk);
  }
  if (response.statusCode !== 200) throw new RangeError(`HTTP ${response.statusCode ?? 0}`);
  return Buffer.concat(chunks).toString('utf8');
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.message !== '') return cause.message;
  return 'code' in cause ? String(cause.code) : cause.name;
}
