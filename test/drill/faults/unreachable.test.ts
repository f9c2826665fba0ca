import { describe, expect, test } from 'vitest';
import { evidenceOf } from '../../../src/drill/judge/checks/evidence.ts';
import { checkAckLevel } from '../../../src/drill/judge/checks/ack-level.ts';
import type { Fault } from '../../../src/drill/faults/fault.ts';
import type { SetWrite } from '../../../src/drill/recording/recording.ts';
import { Unreachable } from '../../../src/drill/faults/unreachable.ts';
import type { AppliedFault } from '../../../src/drill/faults/unreachable.ts';
import { FAULT_MS, LOAD_END_MS, NODES, RecordingBuilder } from '../recording-builder.ts';

const STARTED: Fault = { kind: 'start', node: 'n1' };

/** Each takes 10 ms, and the first begins at 100, the next one at 200, and so on. */
function inTurn(...faults: readonly Fault[]): readonly AppliedFault[] {
  return faults.map((fault, index) => {
    const fromMs = 100 * (index + 1);
    return { fromMs, toMs: fromMs + 10, fault };
  });
}

const DURING = { fromMs: 110, toMs: 200 };

describe('a node', () => {
  test.for([
    [{ kind: 'kill', node: 'n1' }, STARTED],
    [{ kind: 'stop', node: 'n1' }, STARTED],
    [{ kind: 'power-cut', nodes: ['n1', 'n2'] }, STARTED],
    [
      { kind: 'pause', node: 'n1' },
      { kind: 'resume', node: 'n1' },
    ],
  ] as const satisfies readonly (readonly Fault[])[])(
    'does nothing from the end of $0.kind to the beginning of $1.kind',
    ([fault, healing]) => {
      const unreachable = new Unreachable(inTurn(fault, healing), NODES);

      expect(unreachable.silent('n1', DURING)).toBe(true);
      expect(unreachable.silent('n1', { ...DURING, fromMs: 109 })).toBe(false);
      expect(unreachable.silent('n1', { ...DURING, toMs: 201 })).toBe(false);
      expect(unreachable.silent('n3', DURING)).toBe(false);
    },
  );

  test('that is never started again stays so, and one that could not be killed is not', () => {
    const kill = { kind: 'kill', node: 'n1' } as const;
    const failed = [{ fromMs: 100, toMs: Infinity, fault: kill }];

    expect(new Unreachable(inTurn(kill), NODES).silent('n1', { fromMs: 110, toMs: 9e9 })).toBe(
      true,
    );
    expect(new Unreachable(failed, NODES).silent('n1', DURING)).toBe(false);
  });
});

describe('two nodes', () => {
  const healed: Fault = { kind: 'heal-network' };
  const together: Fault = { kind: 'partition', groups: [['n1', 'n2'], ['n3']] };
  const rows: readonly (readonly [string, readonly Fault[], boolean])[] = [
    ['one way is cut', [{ kind: 'cut', from: 'n1', to: 'n2' }, healed], true],
    ['the other way is cut', [{ kind: 'cut', from: 'n2', to: 'n1' }, healed], true],
    ['one is isolated', [{ kind: 'isolate', node: 'n2' }, healed], true],
    ['they are in two groups', [{ kind: 'partition', groups: [['n1'], ['n2', 'n3']] }], true],
    ['they are in one group', [together, healed], false],
    ['another one is isolated', [{ kind: 'isolate', node: 'n3' }, healed], false],
    ['their link is slow', [{ kind: 'delay', from: 'n1', to: 'n2', ms: 9, jitterMs: 0 }], false],
    ['a group takes the place of a cut', [{ kind: 'isolate', node: 'n1' }, together], true],
  ];
  test.for(rows)('are apart where %s: %j', ([, faults, isApart]) => {
    const unreachable = new Unreachable(inTurn(...faults), NODES);

    expect(unreachable.apart('n1', 'n2', DURING)).toBe(isApart);
    expect(unreachable.apart('n2', 'n1', DURING)).toBe(isApart);
    const before = { fromMs: 100, toMs: 200 };
    expect(unreachable.apart('n1', 'n2', before)).toBe(false);
    const ends = faults.length > 1 || !isApart;
    expect(unreachable.apart('n1', 'n2', { fromMs: 110, toMs: 260 })).toBe(!ends);
  });
});

describe('a write', () => {
  const n1Dead: readonly Fault[] = [{ kind: 'kill', node: 'n1' }];
  const n1Cut: readonly Fault[] = [{ kind: 'cut', from: 'n1', to: 'n2' }];
  const allApart: readonly Fault[] = [{ kind: 'partition', groups: [['n1'], ['n2'], ['n3']] }];
  const twoDead: readonly Fault[] = [...n1Dead, { kind: 'pause', node: 'n2' }];
  type Row = readonly [
    faults: readonly Fault[],
    ack: SetWrite['ack'],
    on: string[] | undefined,
    right: boolean,
  ];
  const rows: readonly Row[] = [
    [n1Dead, 'quorum', undefined, true],
    [n1Dead, 'quorum', ['n2', 'n3'], true],
    [n1Dead, 'quorum', ['n1', 'n2'], false],
    [n1Dead, 'quorum', ['n1', 'n2', 'n3'], false],
    [n1Dead, 'all', undefined, false],
    [n1Cut, 'quorum', ['n1', 'n2'], false],
    [n1Cut, 'quorum', ['n1', 'n3'], true],
    // n3 hears from both: it may lead.
    [n1Cut, 'all', ['n1', 'n2', 'n3'], true],
    [allApart, 'quorum', undefined, false],
    [allApart, 'local', undefined, true],
    [allApart, 'local', ['n2'], true],
    [twoDead, 'quorum', undefined, false],
    [twoDead, 'local', undefined, true],
  ];
  test.for(rows)('under %j at %s on %j is acknowledged rightly: %s', ([faults, ack, on, right]) => {
    const builder = new RecordingBuilder().until(FAULT_MS);
    const { calledAt, returnedAt } = builder.set({ ack, durableOn: on });
    const applied = faults.map((fault) => ({ fromMs: calledAt - 2, toMs: calledAt - 1, fault }));
    const heal = { fromMs: returnedAt + 1, toMs: returnedAt + 1 };
    const healing: readonly Fault[] = [
      { kind: 'heal-network' },
      STARTED,
      { kind: 'resume', node: 'n2' },
    ];
    const all = [...applied, ...healing.map((fault) => ({ ...heal, fault }))];

    const recording = builder.until(LOAD_END_MS).build({ faults: all });

    expect(checkAckLevel(evidenceOf(recording)).passed).toBe(right);
  });
});
