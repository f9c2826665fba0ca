/** Plain HTTP to one certain node: no redirect is followed, since another node would answer for it. */
import { WalshipError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { ERRORS } from '../../errors.ts';
import { parseVersion } from '../../wal/format/position.ts';
import type { Version } from '../../wal/format/position.ts';
import type { DrillChange, DrillPage, DrillRead, PageAnswer, ReadAnswer } from './drill-client.ts';

/** Milliseconds of silence after which a watch has lost its node: nodes report progress every 5 s. */
const WATCH_SILENCE_MS_MAX = 12_000;
/** Milliseconds that a node may take with the first line of a watch. */
const WATCH_OPEN_MS_MAX = 5_000;

/** Milliseconds beyond the node's own time limit, for the network. */
const GRACE_MS = 250;

export async function readAt(url: string, read: DrillRead): Promise<ReadAnswer> {
  const { key, level, minVersion, timeoutMs } = read;
  const query = new URLSearchParams({ read: level, timeoutMs: String(timeoutMs) });
  if (minVersion !== undefined) query.set('minVersion', `${minVersion.epoch}.${minVersion.lsn}`);
  const path = `/v1/kv/${encodeURIComponent(key)}?${query.toString()}`;
  const answer = await ask(url, path, timeoutMs + GRACE_MS);
  if ('code' in answer) return { ok: false, code: answer.code };
  const { status, headers, text } = answer;
  const applied = parseVersion(headers.get('walship-version') ?? '');
  if (status === 404 && applied !== undefined) return { ok: true, found: undefined, applied };
  if (status !== 200) return { ok: false, code: codeOf(answer) };
  const version = parseVersion(headers.get('etag')?.replaceAll('"', '') ?? '');
  return { ok: true, found: { value: text, version }, applied };
}

export async function pageAt(url: string, page: DrillPage): Promise<PageAnswer> {
  const { prefix, after, limit, timeoutMs } = page;
  const query = new URLSearchParams({ limit: String(limit), timeoutMs: String(timeoutMs) });
  if (prefix !== '') query.set('prefix', prefix);
  if (after !== '') query.set('after', after);
  const answer = await ask(url, `/v1/kv?${query.toString()}`, timeoutMs + GRACE_MS);
  if ('code' in answer) return { ok: false, code: answer.code };
  if (answer.status !== 200) return { ok: false, code: codeOf(answer) };
  const { entries, more, applied } = JSON.parse(answer.text) as {
    entries: { key: string; value64: string; version: string }[];
    more: boolean;
    applied: string;
  };
  return {
    ok: true,
    entries: entries.map(({ key, value64, version }) => ({
      key,
      value: textOf(value64),
      version: versionOf(version),
    })),
    more,
    applied: versionOf(applied),
  };
}

/** Watches one node. @throws WalshipError where the watch ends on its own. */
export async function* watchAt(
  url: string,
  watch: { readonly after: Version; readonly prefix: string; readonly signal: AbortSignal },
): AsyncGenerator<DrillChange, void, undefined> {
  const { after, prefix, signal } = watch;
  const query = new URLSearchParams({ after: `${after.epoch}.${after.lsn}` });
  if (prefix !== '') query.set('prefix', prefix);
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), WATCH_OPEN_MS_MAX);
  try {
    const response = await fetch(`${url}/v1/watch?${query.toString()}`, {
      redirect: 'manual',
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (response.status !== 200 || response.body === null) {
      throw errorOf(await response.text(), `${url} answered ${response.status} to a watch`);
    }
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), WATCH_SILENCE_MS_MAX);
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const change = changeOf(line);
        if (change !== undefined) yield change;
      }
    }
    throw new WalshipError('NODE_CLOSED', `${url} ended the watch`);
  } catch (cause) {
    if (signal.aborted) return;
    if (cause instanceof WalshipError) throw cause;
    throw new WalshipError('PEER_UNREACHABLE', `the watch at ${url} broke: ${String(cause)}`, {
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Parses a line of a watch; undefined for a progress report. @throws WalshipError where the line names the end of the
 * watch.
 */
function changeOf(line: string): DrillChange | undefined {
  const parsed = JSON.parse(line) as {
    op?: 'put' | 'delete';
    key?: string;
    key64?: string;
    value64?: string;
    version?: string;
    last?: boolean;
    error?: unknown;
  };
  if (parsed.error !== undefined) throw errorOf(line, 'a watch ended');
  const { op, key, key64, value64 = '', version, last } = parsed;
  if (op === undefined || version === undefined) return undefined;
  return {
    op,
    key: key ?? Buffer.from(key64 ?? '', 'base64url').toString('latin1'),
    value: textOf(value64),
    version: versionOf(version),
    last: last === true,
  };
}

type Answer =
  | { readonly status: number; readonly headers: Headers; readonly text: string }
  | { readonly code: string };

async function ask(url: string, path: string, timeoutMs: number): Promise<Answer> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url + path, { redirect: 'manual', signal });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    const timedOut = error instanceof Error && error.name === 'TimeoutError';
    return { code: timedOut ? 'WAIT_TIMEOUT' : 'PEER_UNREACHABLE' };
  }
}

function codeOf({ text, status }: { readonly text: string; readonly status: number }): string {
  const { code } = errorOf(text, `status ${status}`);
  return code;
}

function errorOf(text: string, otherwise: string): WalshipError {
  let error: { code?: string; message?: string } & Record<string, unknown> = {};
  try {
    ({ error = {} } = JSON.parse(text) as { error?: typeof error });
  } catch {
    // The answer is not JSON: `otherwise` is all that is known.
  }
  const { code = '', message = otherwise, ...details } = error;
  const known = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'PROTOCOL_ERROR';
  return new WalshipError(known, message, { details });
}

function textOf(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}

/** Parses a version that a node sent. @throws WalshipError PROTOCOL_ERROR. */
export function versionOf(text: string): Version {
  const version = parseVersion(text);
  if (version === undefined) throw new WalshipError('PROTOCOL_ERROR', `no version: ${text}`);
  return version;
}
