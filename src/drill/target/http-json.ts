/** Plain requests to one node, each on a connection of its own: a pooled one may lead to a process that is gone. */
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';

const BODY_BYTES_MAX = 64 * 1_024 * 1_024;

export interface JsonCall {
  readonly method: 'GET' | 'POST';
  /** URL: `http://host:port` and a path. */
  readonly url: string;
  readonly body?: unknown;
  readonly timeoutMs: number;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Returns the answer, redirects included; undefined if there was none in time, or none in JSON. */
export async function callJson(call: JsonCall): Promise<JsonAnswer | undefined> {
  const signal = AbortSignal.timeout(call.timeoutMs);
  try {
    const { status, text } = await send(call, signal);
    return { status, body: text === '' ? null : (JSON.parse(text) as unknown) };
  } catch {
    return undefined; // The node is down, paused or cut off: the caller knows the meaning.
  }
}

function send(
  { method, url, body }: JsonCall,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const bytes = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      bytes === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes) };
    const sent = request(url, { method, agent: false, signal, headers }, (response) => {
      collect(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
    });
    sent.on('error', reject);
    sent.end(bytes);
  });
}

async function collect(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new RangeError(`more than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
