/**
 * Judges a cluster whose history an operator split. A forced failover begins another history with the log of one
 * node; from there on each history is judged separately, by the same promises. The loss between the two has to lie
 * within the command's prediction.
 */
import type { FailoverResult } from '../node/api/api.ts';
import { ClusterChecker } from './cluster-checker.ts';
import type { CheckedMachine } from './cluster-checker.ts';
import { SimViolation } from './golden-log.ts';
import { readImage } from './log-image.ts';
import { WAL_DIR } from './sim-machine.ts';

export class HistoryChecker {
  readonly #machines: readonly CheckedMachine[];
  readonly #first: ClusterChecker;
  readonly #checkers = new Map<string, ClusterChecker>();

  /** Creates a checker. @param first judges the history in which the cluster was born. */
  constructor(machines: readonly CheckedMachine[], first: ClusterChecker) {
    this.#machines = machines;
    this.#first = first;
  }

  /** Returns the checker of a history. */
  of(historyId: string | null): ClusterChecker {
    return this.#checkers.get(historyId ?? '') ?? this.#first;
  }

  /** Checks every node, each in its history. */
  observe(): void {
    this.#first.observe();
    for (const checker of this.#checkers.values()) checker.observe();
  }

  /**
   * Notes that `machine` began a history, with the losses that it predicted. Returns how many committed records of
   * the old history are not in the new one.
   * @throws SimViolation where a loss was not predicted.
   */
  forked(machine: CheckedMachine, result: FailoverResult): number {
    const { historyId, previousHistoryId, kept, risk, quorum } = result;
    if (historyId === null) throw new SimViolation(`${machine.nodeId} began no history`);
    const before = this.of(previousHistoryId).golden;
    const log = readImage(machine.disk, WAL_DIR).filter(({ lastLsn }) => lastLsn <= kept.lsn);
    const held = log.flatMap(({ records }) => records);
    const lost = before.records.filter(({ lsn, epoch }) => held[lsn - 1]?.epoch !== epoch);
    const unforeseen = lost.find(({ lsn }) => !risk.some || lsn < risk.fromLsn);
    if (unforeseen !== undefined) {
      const { epoch, lsn } = unforeseen;
      throw new SimViolation(
        `${epoch}.${lsn} was committed and is lost, and at risk was: ${risk.message}`,
      );
    }
    const checker = new ClusterChecker(this.#machines, quorum, historyId);
    const commonLsn = Math.min(before.end, (lost[0]?.lsn ?? Infinity) - 1);
    const common = log.filter(({ lastLsn }) => lastLsn <= commonLsn);
    checker.golden.extend(common, common.at(-1)?.lastLsn ?? 0, `${machine.nodeId}, forced,`);
    this.#checkers.set(historyId, checker);
    return lost.length;
  }
}
