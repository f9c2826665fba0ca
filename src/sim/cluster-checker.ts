/**
 * Judges a cluster from the outside: by the answers of its nodes, their statuses, and the bytes on their disks.
 *
 * - P1: a write acknowledged at `quorum` is on the platters of W voters at that moment, and in the log of every later leader. Everything that a
 *   node calls committed is on W platters too.
 * - P2: a read shows exactly the state of the committed history at the position that it names; a linearizable one is never older than
 *   any write that was acknowledged, or read so, before it began.
 * - P3: logs are byte-identical, batch by batch, up to the committed LSN.
 * - P4: no two nodes lead one epoch, nothing else is ever committed at an LSN, commits and promises never go back.
 * - P5: everything cut off a log is in saved/ (`CutChecker`). P6: a node that finds damage reports it (`IntactChecker`). P8: every file of a data
 *   directory is known and needed (`checkDirectory`), and memory is bounded (`checkBounds`).
 * - A rejected write is in nobody's log.
 * - A node that is ready has applied all that was acknowledged before it began to lead or to follow.
 *
 * It also judges the rules that these promises rest on, in the very moment: nobody counts for W between the loss of a disk and being intact again, records that a
 * leader inherited commit with a record of its own, an ack reports only bytes on the platter (`AckChecker`). A broken rule is harmless in most
 * executions, and is found in the first one.
 */
import type {
  AckLevel,
  NodeStatus,
  ReadRequest,
  ReadResult,
  WriteResult,
} from '../node/api/api.ts';
import { decodeMessage } from '../protocol/codec.ts';
import type { Version } from '../wal/format/position.ts';
import { AckChecker } from './ack-checker.ts';
import { checkBounds, checkNothingHeld } from './bounds-checker.ts';
import { CutChecker } from './cut-checker.ts';
import { checkDirectory } from './directory-checker.ts';
import { GoldenLog, SimViolation } from './golden-log.ts';
import { IntactChecker } from './intact-checker.ts';
import { heldFrom, readImage, snapshotReach } from './log-image.ts';
import { batchOf, type Holder, type Platter, Platters } from './platters.ts';
import { ReadyChecker } from './ready-checker.ts';
import type { DiskOperation } from './sim-fault.ts';
import { WAL_DIR } from './sim-machine.ts';

/** Machine under the checker: a disk, and the node that runs there, if any. */
export interface CheckedMachine extends Platter {
  readonly lives: number;
  readonly node: { status(): NodeStatus } | undefined;
}

/** A write, as its client sees it. Values are unique. */
export interface ClientWrite {
  readonly ops: readonly { readonly key: string; readonly value: string | undefined }[];
  /** Version that `ops[0].key` must have; `absent`: none. */
  readonly expect: Version | 'absent' | undefined;
  readonly ack: AckLevel;
  /** Highest LSN that had been acknowledged when it began. */
  readonly after: number;
}

/** Knowledge about one run of one node. */
interface Seen {
  committedLsn: number;
  appliedLsn: number;
  /** LSN up to which its log was compared, and equals the golden one. */
  comparedLsn: number;
}

export class ClusterChecker {
  readonly golden = new GoldenLog();
  readonly #machines: readonly CheckedMachine[];
  readonly #quorum: number;
  #historyId: string | undefined;
  readonly #seen = new Map<string, Seen>();
  /** Highest promise of each disk. */
  readonly #promises = new Map<string, number>();
  readonly #leaders = new Map<number, string>();
  readonly #platters: Platters;
  readonly #acks: AckChecker;
  readonly #cuts: CutChecker;
  readonly #intact = new IntactChecker();
  readonly #ready = new ReadyChecker();
  readonly #rejected: ClientWrite[] = [];
  readonly #lost = new Set<string>();
  /** Machines whose node has lost something, and is not intact again: the bytes on their platters count for nothing. */
  readonly #mending = new Set<string>();
  #ackedLsn = 0;
  #linearLsn = 0;
  /** Counts of checks, for display. */
  readonly counts = { acked: 0, rejected: 0, indeterminate: 0, reads: 0, leaders: 0 };

  /**
   * Creates a checker. @param historyId history to judge; the first one that commits anything unless given. Nodes of
   * another history are ignored.
   */
  constructor(machines: readonly CheckedMachine[], quorum: number, historyId?: string) {
    this.#historyId = historyId;
    this.#machines = machines;
    this.#platters = new Platters(machines);
    this.#acks = new AckChecker(this.#platters);
    this.#cuts = new CutChecker(this.golden, this.#platters);
    this.#quorum = quorum;
  }

  /** Highest LSN acknowledged at `quorum` so far. */
  get ackedLsn(): number {
    return this.#ackedLsn;
  }

  get #acked(): Version {
    const lsn = this.#ackedLsn;
    return { epoch: this.golden.records[lsn - 1]?.epoch ?? 0, lsn };
  }

  /** LSN that a linearizable read beginning now must show at least. */
  get linearFloor(): number {
    return Math.max(this.#ackedLsn, this.#linearLsn);
  }

  /** Checks every node. */
  observe(): void {
    for (const machine of this.#machines) this.look(machine);
  }

  /** Checks one node. Call it whenever anything happened to it. */
  look(machine: CheckedMachine): void {
    const status = machine.node?.status();
    if (status === undefined || status.role === 'stopped') return;
    // A birth that committed nothing may be followed by another one.
    if (status.committedLsn > 0) this.#historyId ??= status.historyId ?? undefined;
    if (status.historyId === null || status.historyId === (this.#historyId ?? status.historyId)) {
      this.#observe(machine, status);
    }
  }

  /** Judges a message of `machine`. Call it in the moment of sending. */
  sent(machine: CheckedMachine, message: Buffer): void {
    const decoded = decodeMessage(message);
    if (decoded.kind !== 'message') return;
    this.#acks.sent(machine, decoded.message);
    if (decoded.message.kind === 'hello') this.#ready.saysHello(nameOf(machine), this.#acked);
  }

  /** Notes an operation of a machine's disk. Call it just before. */
  before(machine: CheckedMachine, operation: DiskOperation): void {
    // A segment must be checked before it is purged or put aside.
    if (operation.kind === 'remove' && operation.path.endsWith('.wal')) this.observe();
    this.#cuts.before(machine, operation);
  }

  /**
   * Notes that a machine is about to lose the contents of its disk: it has no obligations until it is intact again.
   * Call it just before.
   */
  loses(machine: CheckedMachine): void {
    const { nodeId, lives, disk } = machine;
    const end = this.#platters.imageOf(machine).batches({ fromLsn: 1, durable: true }).at(-1);
    const committedLsn = this.#seenOf(`${nodeId} (life ${lives})`).committedLsn;
    const heldLsn = Math.max(end?.lastLsn ?? 0, snapshotReach(disk, WAL_DIR));
    const ackedLsn = Math.max(committedLsn, this.#acks.ackedBy(nodeId));
    this.#intact.rots(nodeId, { life: lives, lsn: Math.min(ackedLsn, heldLsn) });
    this.#cuts.forget(nodeId);
    this.#platters.lose(machine);
    this.#promises.delete(machine.nodeId);
    this.#lost.add(machine.nodeId);
    // A node whose disk rots while it runs counts as intact, as it believes, until it finds out.
    if (machine.node === undefined) this.#mending.add(machine.nodeId);
  }

  /**
   * Notes an empty disk for a machine that lost its data, and did not start on the rest: its later promises are gone
   * too.
   */
  emptied({ nodeId }: CheckedMachine): void {
    this.#promises.delete(nodeId);
    this.#mending.add(nodeId);
    this.#intact.forget(nodeId);
  }

  /** Machines that lost their data and are not intact again. */
  get lost(): ReadonlySet<string> {
    return this.#lost;
  }

  acknowledged(write: ClientWrite, result: WriteResult): void {
    this.counts.acked += 1;
    // The write is durable on the leader alone: a failover may lose it, and it is not committed yet.
    if (write.ack === 'local') return;
    this.observe();
    const { version } = result;
    const name = `the write acknowledged as ${version.epoch}.${version.lsn}`;
    const needed = write.ack === 'all' ? this.#machines.length : this.#quorum;
    const holders = this.#heldBy(version, needed, name);
    // By now the log of each holder may begin after it.
    if (version.lsn > this.golden.end) this.#learn(version, holders, name);
    if (version.lsn <= write.after) {
      throw new SimViolation(`${name} came after ${write.after} was acknowledged`);
    }
    this.#checkInGolden(write, version, name);
    this.#ackedLsn = Math.max(this.#ackedLsn, version.lsn);
  }

  rejected(write: ClientWrite): void {
    this.counts.rejected += 1;
    this.#rejected.push(write);
  }

  indeterminate(): void {
    this.counts.indeterminate += 1;
  }

  /** Judges the result of a read. @param floor `linearFloor` when the read began. */
  read(
    request: { key: string; level: ReadRequest['level']; floor: number },
    result: ReadResult,
  ): void {
    this.counts.reads += 1;
    this.observe();
    const { key, level, floor } = request;
    const { applied, found } = result;
    const name = `a ${level} read of ${key} at ${applied.epoch}.${applied.lsn}`;
    if (applied.lsn > this.golden.end) {
      throw new SimViolation(`${name} is beyond what is committed`);
    }
    const epoch = this.golden.records[applied.lsn - 1]?.epoch ?? 0;
    if (applied.epoch !== epoch) throw new SimViolation(`${name}: that LSN is of epoch ${epoch}`);
    const expected = this.golden.valueAt(key, applied.lsn);
    if (found?.version.lsn !== expected?.lsn || found?.version.epoch !== expected?.epoch) {
      throw new SimViolation(`${name} shows ${found?.version.lsn}, expected ${expected?.lsn}`);
    }
    if (found !== undefined && expected?.value.equals(found.value) === false) {
      throw new SimViolation(`${name} shows another value than the log`);
    }
    if (level !== 'linearizable') return;
    if (applied.lsn < floor) throw new SimViolation(`${name} began when ${floor} was known`);
    this.#linearLsn = Math.max(this.#linearLsn, applied.lsn);
  }

  /**
   * Checks the end of a run, once all is quiet: every log equals the golden one, whole, and contains nothing
   * rejected.
   */
  finish(): void {
    this.observe();
    for (const machine of this.#machines) {
      const batches = readImage(machine.disk, WAL_DIR);
      const from = heldFrom(machine.disk, WAL_DIR);
      const range = { fromLsn: 1, toLsn: this.golden.end, heldFrom: from };
      this.golden.compare(batches, range, machine.nodeId);
      const last = batches.at(-1)?.lastLsn ?? from - 1;
      if (last !== this.golden.end) {
        throw new SimViolation(
          `${machine.nodeId} ends at ${last}, all others at ${this.golden.end}`,
        );
      }
    }
    for (const machine of this.#machines) {
      this.#cuts.finish(machine);
      checkDirectory(machine);
      checkNothingHeld(machine.nodeId, machine.node?.status().bounds);
    }
    const values = new Set(this.golden.records.map(({ value }) => value.toString('latin1')));
    for (const { ops } of this.#rejected) {
      const found = ops.find(({ value }) => value !== undefined && values.has(value));
      if (found === undefined) continue;
      throw new SimViolation(`${found.value} was rejected, and is committed`);
    }
  }

  #observe(machine: CheckedMachine, status: NodeStatus): void {
    const who = nameOf(machine);
    const seen = this.#seenOf(who);
    // The leader's commit LSN, as a follower knows it, may be above its own log.
    const committedLsn = Math.min(status.committedLsn, status.durable.lsn);
    if (committedLsn < seen.committedLsn) {
      throw new SimViolation(
        `${who} went back from commit ${seen.committedLsn} to ${committedLsn}`,
      );
    }
    // A state that is being rebuilt shows nothing.
    const shows = status.notReady?.code !== 'NOT_READY';
    if (shows && status.applied.lsn < seen.appliedLsn) {
      throw new SimViolation(`${who} unapplied ${status.applied.lsn} to ${seen.appliedLsn}`);
    }
    if (status.applied.lsn > committedLsn) {
      throw new SimViolation(`${who} applied ${status.applied.lsn}, committed is ${committedLsn}`);
    }
    seen.committedLsn = committedLsn;
    if (shows) seen.appliedLsn = status.applied.lsn;
    this.#ready.observe(who, status, this.#acked);
    checkBounds(who, status.bounds);
    this.#observePromise(machine, status, who);
    this.#intact.look(machine, status);
    if (status.state === 'intact') this.#mending.delete(machine.nodeId);
    else this.#mending.add(machine.nodeId);
    if (status.state === 'intact' && !machine.disk.hasRot) this.#found(machine.nodeId);
    if (committedLsn > seen.comparedLsn) {
      const fromLsn = Math.min(seen.comparedLsn, this.golden.end) + 1;
      const batches = this.#platters.imageOf(machine).batches({ fromLsn, durable: false });
      const { end } = this.golden;
      this.golden.extend(batches, committedLsn, who);
      const from = heldFrom(machine.disk, WAL_DIR);
      this.golden.compare(batches, { fromLsn, toLsn: committedLsn, heldFrom: from }, who);
      if (this.golden.end > end) this.#checkCommitted(status, who);
      seen.comparedLsn = committedLsn;
    }
    if (status.role === 'leader') this.#observeLeader(machine, status.epoch);
  }

  /**
   * Checks that records which a node calls committed are on as many platters as acknowledged ones, and that a
   * leader's own record is among them.
   */
  #checkCommitted({ role, epoch: led }: NodeStatus, who: string): void {
    const { end, epoch } = this.golden;
    // A leadership in between, which lacks these records, could cut them off: they commit only with a record that it
    // would have to have.
    if (role === 'leader' && epoch < led) {
      throw new SimViolation(
        `${who} leads epoch ${led}, and calls ${epoch}.${end} committed before anything of its own is`,
      );
    }
    this.#heldBy({ epoch, lsn: end }, this.#quorum, `${epoch}.${end}, committed by ${who},`);
  }

  #observePromise({ nodeId }: CheckedMachine, status: NodeStatus, who: string): void {
    const before = this.#promises.get(nodeId) ?? 0;
    const { epoch } = status.promise;
    if (epoch < before) throw new SimViolation(`${who} has promised ${epoch}, after ${before}`);
    this.#promises.set(nodeId, epoch);
  }

  /**
   * Forgets a lost disk, and not earlier: while the machine catches up, acks that left the old disk may still be
   * counted.
   */
  #found(nodeId: string): void {
    if (this.#lost.delete(nodeId)) this.#platters.forget(nodeId);
  }

  /** Checks that a new leader holds everything that earlier leaderships committed. */
  #observeLeader(machine: CheckedMachine, epoch: number): void {
    const { nodeId, disk } = machine;
    const known = this.#leaders.get(epoch);
    if (known === nodeId) return;
    if (known !== undefined) {
      throw new SimViolation(`${known} and ${nodeId} both lead epoch ${epoch}`);
    }
    this.#leaders.set(epoch, nodeId);
    this.counts.leaders += 1;
    const from = heldFrom(disk, WAL_DIR);
    const range = { fromLsn: 1, toLsn: this.golden.end, epochMax: epoch, heldFrom: from };
    this.golden.compare(readImage(disk, WAL_DIR), range, `${nodeId}, leader of epoch ${epoch},`);
  }

  #checkInGolden(write: ClientWrite, version: Version, name: string): void {
    const { records } = this.golden;
    const firstLsn = version.lsn - write.ops.length + 1;
    for (const [index, { key, value }] of write.ops.entries()) {
      const record = records[firstLsn + index - 1];
      const isSame =
        record?.key === key &&
        record.epoch === version.epoch &&
        record.value.toString('latin1') === (value ?? '');
      if (!isSame) throw new SimViolation(`${name} is not what is committed there`);
    }
    if (write.expect === undefined) return;
    const before = this.golden.valueAt(write.ops[0]?.key ?? '', firstLsn - 1);
    const isMet =
      write.expect === 'absent'
        ? before === undefined
        : before?.lsn === write.expect.lsn && before.epoch === write.expect.epoch;
    if (!isMet) throw new SimViolation(`${name} had a condition that did not hold`);
  }

  /**
   * Returns the machines whose platters have it, byte for byte the same. @throws SimViolation where they are fewer
   * than `needed`.
   */
  #heldBy(version: Version, needed: number, name: string): readonly Holder[] {
    // Records known to be committed were compared before.
    const fromLsn = Math.min(this.golden.end + 1, version.lsn);
    const holders = this.#platters.holders(version, fromLsn, this.#mending);
    const covering = this.#platters.covering(version.lsn, this.#mending);
    const ids = [...holders.map(({ nodeId }) => nodeId), ...covering];
    const names = [...new Set(ids)].join(', ') || 'nobody';
    const [first, ...others] = holders;
    if (new Set(ids).size < needed) {
      throw new SimViolation(`${name} is on the platters of ${names}, and needs ${needed}`);
    }
    if (first === undefined) return holders;
    const batch = batchOf(first.batches, version);
    for (const { batches } of others) {
      if (batch !== undefined && batchOf(batches, version)?.bytes.equals(batch.bytes)) continue;
      throw new SimViolation(`${name} is on the platters of ${names}, in different batches`);
    }
    const range = { fromLsn: batch?.firstLsn ?? 0, toLsn: batch?.lastLsn ?? 0 };
    this.golden.compare(first.batches, range, `the platter of ${first.nodeId}`);
    return holders;
  }

  /**
   * Takes over an acknowledged batch that no living node calls committed: the leader may have died in the very turn
   * in which it acknowledged it. Enough platters hold it, so it is committed, whoever knows of it.
   */
  #learn(version: Version, [first, ...others]: readonly Holder[], name: string): void {
    if (first === undefined) {
      throw new SimViolation(`${name} is in snapshots only, and not committed`);
    }
    const fromLsn = this.golden.end + 1;
    const toLsn = batchOf(first.batches, version)?.lastLsn ?? version.lsn;
    this.golden.extend(first.batches, toLsn, name);
    for (const { nodeId, batches } of others) {
      this.golden.compare(batches, { fromLsn, toLsn }, `the platter of ${nodeId}`);
    }
  }

  #seenOf(who: string): Seen {
    let seen = this.#seen.get(who);
    if (seen === undefined) {
      seen = { committedLsn: 0, appliedLsn: 0, comparedLsn: 0 };
      this.#seen.set(who, seen);
    }
    return seen;
  }
}

function nameOf({ nodeId, lives }: CheckedMachine): string {
  return `${nodeId} (life ${lives})`;
}
