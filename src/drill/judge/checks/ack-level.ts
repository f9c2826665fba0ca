import { formatVersion } from '../../../wal/format/position.ts';
import type { SetWrite } from '../../recording/recording.ts';
import { Unreachable } from '../../faults/unreachable.ts';
import type { Between } from '../../faults/unreachable.ts';
import type { Check } from '../verdict.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';

/**
 * Checks that each acknowledged write is on as many disks as its ack level requires. The leader that acknowledged it names them; and the drill knows from outside
 * which nodes were dead, paused or cut off for the whole time of the write, so that they cannot have had a part in it. The loss of
 * disks shows whether the answers were true.
 */
export function checkAckLevel({ recording, forced }: Evidence): Check {
  const { quorum, voters, setWrites, faults } = recording;
  const needed: Readonly<Record<SetWrite['ack'], number>> = {
    local: 1,
    quorum,
    all: voters.length,
  };
  const reach = new Reach(new Unreachable(faults, voters));
  // From a forced failover on, another history continues with the remaining voters.
  const endMs = Math.min(...forced.map(({ atMs }) => atMs));
  const acknowledged = setWrites.filter(
    ({ end, returnedAt }) => end === 'acknowledged' && returnedAt < endMs,
  );
  const findings = acknowledged.flatMap((write) => {
    const { key, version, ack, durableOn } = write;
    const what = `${key}${version === undefined ? '' : ` at ${formatVersion(version)}`}`;
    const between = { fromMs: write.calledAt, toMs: write.returnedAt };
    if (durableOn === undefined) {
      const most = reach.most(voters, between);
      if (most.length >= needed[ack]) return [];
      return [
        `${what} was acknowledged, ${ack} asks for ${needed[ack]}, and ${timeText(between)} no more than ${most.length} voters could hear from each other`,
      ];
    }
    const disks = [...new Set(durableOn)].filter((nodeId) => voters.includes(nodeId));
    const names = disks.join(', ') || 'no voter';
    if (disks.length < needed[ack]) {
      return [`${what} was acknowledged on ${names}, and ${ack} asks for ${needed[ack]}`];
    }
    if (reach.most(disks, between).length === disks.length) return [];
    return [
      `${what} was acknowledged on ${names}, which could not all hear from their leader ${timeText(between)}`,
    ];
  });
  const told = acknowledged.filter(({ durableOn }) => durableOn !== undefined);
  const apart = acknowledged.filter(
    ({ calledAt: fromMs, returnedAt: toMs }) =>
      reach.most(voters, { fromMs, toMs }).length < voters.length,
  );
  return checkOf(
    'ACK_LEVEL',
    'each acknowledged write is on as many disks as its ack level requires',
    {
      findings,
      looked: `${told.length} acknowledgements that say where, ${apart.length} acknowledgements while voters were out of reach`,
    },
  );
}

class Reach {
  readonly #unreachable: Unreachable;

  constructor(unreachable: Unreachable) {
    this.#unreachable = unreachable;
  }

  /**
   * Returns the largest group of `nodes` that one of them, as the leader, can have reached in that time, itself
   * included.
   */
  most(nodes: readonly string[], between: Between): readonly string[] {
    const awake = nodes.filter((nodeId) => !this.#unreachable.silent(nodeId, between));
    const led = awake.map((leader) =>
      awake.filter((other) => other === leader || !this.#unreachable.apart(leader, other, between)),
    );
    return led.toSorted((a, b) => b.length - a.length)[0] ?? [];
  }
}

function timeText({ fromMs, toMs }: Between): string {
  return `from ${Math.round(fromMs)} to ${Math.round(toMs)} ms`;
}
