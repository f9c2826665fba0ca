/** Client of a real cluster: sessions of the client library, and plain HTTP for calls to one certain node. */
import { connect } from '../../client/index.ts';
import type { Client, Written } from '../../client/index.ts';
import { isWalshipError, WalshipError } from '../../errors.ts';
import { formatVersion, parseVersion } from '../../wal/format/position.ts';
import type { Expectation } from '../../check/history.ts';
import type {
  DrillChange,
  DrillClient,
  DrillPage,
  DrillRead,
  DrillWatch,
  DrillWrite,
  PageAnswer,
  ReadAnswer,
  WriteAnswer,
} from './drill-client.ts';
import { pageAt, readAt, versionOf, watchAt } from './node-http.ts';
import type { TargetNode } from '../target/target.ts';

/** Milliseconds that a session looks for a first node. */
const CONNECT_MS_MAX = 10_000;
/** Milliseconds that the library looks for a node that continues a watch. */
const WATCH_TIMEOUT_MS = 60_000;

export class LiveClient implements DrillClient {
  readonly nodes: readonly string[];
  readonly #urls: ReadonlyMap<string, string>;
  readonly #sessions = new Map<string, Promise<Client>>();
  #closed = false;

  constructor(nodes: readonly TargetNode[]) {
    this.nodes = nodes.map(({ nodeId }) => nodeId);
    this.#urls = new Map(nodes.map(({ nodeId, url }) => [nodeId, url]));
  }

  async write(call: DrillWrite): Promise<WriteAnswer> {
    try {
      const session = await this.#session(call.client);
      const { version, durableOn } = await writeIn(session, call);
      const acknowledged = { end: 'acknowledged', version: versionOf(version) } as const;
      // A write that was found to be committed after its answer was lost tells nothing about disks.
      return durableOn.length === 0 ? acknowledged : { ...acknowledged, durableOn };
    } catch (error) {
      if (!isWalshipError(error)) throw error;
      return answerOf(error);
    }
  }

  async read(call: DrillRead): Promise<ReadAnswer> {
    const { client, key, level, nodeId, minVersion, timeoutMs } = call;
    if (nodeId !== undefined) return await readAt(this.#url(nodeId), call);
    try {
      const session = await this.#session(client);
      const found = await session.get(key, {
        read: level,
        timeoutMs,
        ...(minVersion === undefined ? {} : { minVersion: formatVersion(minVersion) }),
      });
      if (found === undefined) return { ok: true, found, applied: undefined };
      return {
        ok: true,
        found: { value: found.value.toString('utf8'), version: versionOf(found.version) },
        applied: versionOf(found.applied),
      };
    } catch (error) {
      if (!isWalshipError(error)) throw error;
      return { ok: false, code: error.code };
    }
  }

  async page(call: DrillPage): Promise<PageAnswer> {
    return await pageAt(this.#url(call.nodeId), call);
  }

  async *watch(call: DrillWatch): AsyncGenerator<DrillChange, void, undefined> {
    const { client, nodeId, after, prefix, signal } = call;
    if (nodeId !== undefined) {
      yield* watchAt(this.#url(nodeId), call);
      return;
    }
    const session = await this.#session(client);
    const changes = session.watch({
      after: formatVersion(after),
      signal,
      timeoutMs: WATCH_TIMEOUT_MS,
      ...(prefix === '' ? {} : { prefix }),
    });
    for await (const { op, key, value, version, last } of changes) {
      yield {
        op,
        key: key.toString('utf8'),
        value: value.toString('utf8'),
        version: versionOf(version),
        last,
      };
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(
      [...this.#sessions.values()].map(async (opening) => {
        const session = await opening.catch(() => undefined);
        await session?.close();
      }),
    );
  }

  #url(nodeId: string): string {
    const url = this.#urls.get(nodeId);
    if (url === undefined) throw new WalshipError('DRILL_FAILED', `there is no node ${nodeId}`);
    return url;
  }

  /** Returns the session of a name; after a failure to open it, the next call tries again. */
  async #session(name: string): Promise<Client> {
    let opening = this.#sessions.get(name);
    if (opening === undefined) {
      // The ids are given: the addresses that nodes have for each other lead through the parts that the drill breaks.
      const nodes = [...this.#urls].map(([nodeId, url]) => `${nodeId}=${url}`);
      opening = connect({ nodes, connectMs: CONNECT_MS_MAX });
      this.#sessions.set(name, opening);
    }
    try {
      return await opening;
    } catch (cause) {
      if (this.#sessions.get(name) === opening) this.#sessions.delete(name);
      if (!isWalshipError(cause)) throw cause;
      // No request was sent, so a write is rejected.
      const { code, message } = cause;
      throw new WalshipError(this.#closed ? 'ABORTED' : code, message, {
        outcome: 'rejected',
        cause,
      });
    }
  }
}

async function writeIn(session: Client, call: DrillWrite): Promise<Written> {
  const { conditions, ops, ack, timeoutMs } = call;
  return await session.txn(
    {
      if: conditions.map(({ key, expect }) => ({ key, version: conditionOf(expect) })),
      ops: ops.map(({ key, value }) =>
        value === undefined ? { op: 'delete' as const, key } : { op: 'put' as const, key, value },
      ),
    },
    { ack, timeoutMs },
  );
}

function conditionOf(expect: Expectation): string | null {
  if (expect === 'absent') return null;
  return expect === 'present' ? '*' : formatVersion(expect);
}

function answerOf({ code, outcome, details }: WalshipError): WriteAnswer {
  const { version, committed } = details;
  const told = typeof version === 'string' ? parseVersion(version) : undefined;
  if (outcome !== 'rejected') {
    return { end: 'indeterminate', code, version: told, committed: committed === true };
  }
  const actual = code === 'CONDITION_FAILED' && version === null ? null : told;
  return { end: 'rejected', code, actual };
}
