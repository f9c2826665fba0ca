/**
 * Goal: what a drill does to a cluster, in which order, and what it notes.
 * Method: a cluster that is only a table, and a clock that moves where somebody waits.
 */
import { describe, expect, test } from 'vitest';
import type { Recording, TimelineEvent } from '../../../src/drill/recording/recording.ts';
import { runDrill } from '../../../src/drill/run/runner.ts';
import type { DrillOptions } from '../../../src/drill/run/runner.ts';
import { parseScenario } from '../../../src/drill/scenario/scenario-file.ts';
import type { Scenario } from '../../../src/drill/scenario/scenario.ts';
import { FakeCluster } from '../fake-cluster.ts';

function scenarioOf(steps: readonly string[], more = ''): Scenario {
  const lines = steps.map((step) => `  - { ${step} }`).join('\n');
  return parseScenario(`name: mine\nabout: Mine.\n${more}steps:\n${lines}\n`, 'mine.yaml');
}

async function run(
  cluster: FakeCluster,
  scenario: Scenario,
  more: Partial<DrillOptions> = {},
): Promise<Recording> {
  return await runDrill(scenario, cluster.parts(), {
    seed: 1,
    durationMs: undefined,
    walship: '0.0.0',
    signal: new AbortController().signal,
    onEvent: () => {},
    onLoad: () => {},
    ...more,
  });
}

function textsOf(recording: Recording, kind: TimelineEvent['kind']): readonly string[] {
  return recording.timeline.filter((event) => event.kind === kind).map(({ text }) => text);
}

describe('a drill', () => {
  test('breaks the leader, asks another one to lead, waits, and goes on with who it named', async () => {
    const cluster = new FakeCluster();
    const scenario = scenarioOf([
      'after: 2s, kill: leader, as: old',
      'after: 1s, promote: newest, expect: done',
      'await: commits',
      'after: 3s, start: old',
      'await: { ready: old }',
    ]);

    const recording = await run(cluster, scenario);

    expect(textsOf(recording, 'fault')).toEqual(['n1 is killed']);
    expect(recording.faults).toEqual([
      { fromMs: expect.any(Number), toMs: expect.any(Number), fault: { kind: 'kill', node: 'n1' } },
      {
        fromMs: expect.any(Number),
        toMs: expect.any(Number),
        fault: { kind: 'start', node: 'n1' },
      },
    ]);
    expect(recording.faults.every(({ toMs }) => Number.isFinite(toMs))).toBe(true);
    expect(textsOf(recording, 'operator')).toEqual(['n2 is to lead']);
    expect(textsOf(recording, 'heal')).toEqual(['n1 is started']);
    const waits = recording.timeline.filter(({ text }) => text.startsWith('waits'));
    expect(waits.map(({ answer }) => answer?.ok)).toEqual([true, true]);
    const { faultsFromMs, healedMs, loadEndMs, convergedMs = 0, endMs } = recording.phases;
    const moments = [faultsFromMs, healedMs, loadEndMs, convergedMs, endMs];
    expect(moments).toEqual(moments.toSorted((a, b) => a - b));
    expect(healedMs - faultsFromMs).toBeGreaterThanOrEqual(6_000);
    expect(cluster.applied.slice(-3)).toEqual(
      ['n1', 'n2', 'n3'].map((node) => ({ kind: 'stop', node })),
    );
  });

  test('takes as long as it is asked to', async () => {
    const scenario = scenarioOf(['after: 6s, kill: n3', 'after: 4s, start: n3']);

    const { phases } = await run(new FakeCluster(), scenario, { durationMs: 20_000 });

    expect(phases.healedMs - phases.faultsFromMs).toBe(20_000);
  });

  test('puts everything right that the scenario left broken, but for who is to stay down', async () => {
    const cluster = new FakeCluster();
    const scenario = scenarioOf(
      [
        'after: 1s, isolate: n2',
        'disk-full: n2',
        'pause: n2',
        'kill: n3, as: gone',
        'power-cut: n1',
      ],
      'stays-down: [gone]\n',
    );

    const recording = await run(cluster, scenario);

    expect(textsOf(recording, 'heal')).toEqual([
      'the network is as it should be',
      'n2 goes on',
      'the disk of n2 is as it should be',
      'n1 is started',
    ]);
    expect(recording.staysDown).toEqual(['n3']);
  });

  test('asks again until what has to be done is done, and says how often', async () => {
    const cluster = new FakeCluster();
    const refusal = { status: 503, body: { error: { code: 'NO_QUORUM', message: 'too few' } } };
    cluster.answer = (url, attempt) =>
      url.endsWith('n2/v1/admin/promote') && attempt < 3 ? refusal : undefined;

    const recording = await run(cluster, scenarioOf(['after: 1s, promote: n2, expect: done']));

    const [order] = recording.timeline.filter(({ kind }) => kind === 'operator');
    expect(order).toMatchObject({
      text: 'n2 is to lead, asked 3 times',
      expected: 'done',
      answer: { ok: true },
    });
  });

  test('leaves the rest out where something expected does not come, and heals', async () => {
    const cluster = new FakeCluster();
    const scenario = scenarioOf([
      'after: 1s, isolate: n2',
      'promote: n2, expect: refused',
      'after: 1s, kill: n1',
      'after: 1s, kill: n3',
    ]);

    const recording = await run(cluster, scenario);

    expect(textsOf(recording, 'fault')).toEqual(['n2 is cut off from the other nodes']);
    expect(textsOf(recording, 'drill')).toContain('2 more steps are left out');
    expect(textsOf(recording, 'heal')).toEqual(['the network is as it should be']);
    const [order] = recording.timeline.filter(({ kind }) => kind === 'operator');
    expect(order).toMatchObject({ expected: 'refused', answer: { ok: true } });
  });

  test('asks until it is refused for the reason that the scenario names', async () => {
    const cluster = new FakeCluster();
    const refusal = (reason: string): object => ({ error: { code: 'NO_QUORUM', reason } });
    cluster.answer = (_, attempt) => ({
      status: 503,
      body: refusal(attempt < 3 ? 'NO_QUORUM' : 'VOTER_AHEAD'),
    });

    const step = 'after: 1s, promote: n2, expect: refused, reason: VOTER_AHEAD';
    const recording = await run(cluster, scenarioOf([step]));

    const [order] = recording.timeline.filter(({ kind }) => kind === 'operator');
    expect(order).toMatchObject({
      text: 'n2 is to lead, asked 3 times',
      expectedReason: 'VOTER_AHEAD',
      answer: { code: 'NO_QUORUM', reason: 'VOTER_AHEAD' },
    });
  });

  test('waits no longer than it may, and says what was missing', async () => {
    const cluster = new FakeCluster();
    cluster.says.set('n3', { notReady: { code: 'X', message: 'no leader is known' } });
    const scenario = scenarioOf(['after: 1s', 'await: { ready: n3 }, within: 2s']);

    const recording = await run(cluster, scenario);

    const [wait] = recording.timeline.filter(({ text }) => text.startsWith('waits until n3'));
    expect(wait?.answer).toMatchObject({ ok: false, code: 'WAIT_TIMEOUT' });
    expect(wait?.answer?.text).toContain('n3: no leader is known, after 20');
    expect(recording.phases.convergedMs).toBeUndefined();
  });

  test.for([
    ['a set that is empty', 'await: { ready: down }', 'no node is down now'],
    ['a role that nobody has', 'await: { leads: leader }', 'no node is leader now'],
  ] as const)('fails where it waits for %s', async ([, step, text]) => {
    const cluster = new FakeCluster();
    const kill = step.includes('leader') ? 'kill: leader' : 'reset: n1, to: n2';

    const recording = await run(cluster, scenarioOf([`after: 1s, ${kill}`, step, 'kill: n3']));

    const [wait] = recording.timeline.filter(({ answer }) => answer?.code === 'NOBODY');
    expect(wait).toMatchObject({ expected: 'done', answer: { ok: false } });
    expect(wait?.text).toBe(`${text}, and has not been for 10 s`);
    expect(textsOf(recording, 'drill')).toContain('1 more steps are left out');
  });

  test('waits for the nodes that its set meant when the step began', async () => {
    const steps = ['after: 1s, kill: n3', 'start: down, await: { ready: down }'];

    const recording = await run(new FakeCluster(), scenarioOf(steps));

    const [wait] = recording.timeline.filter(({ text }) => text.startsWith('waits until n3'));
    expect(wait?.answer?.ok).toBe(true);
  });

  test('does two things at one moment where it is told to', async () => {
    const cluster = new FakeCluster();
    const scenario = scenarioOf(['after: 1s, at-once: [{ promote: n2 }, { promote: n3 }]']);

    const recording = await run(cluster, scenario);

    expect(cluster.posted).toEqual(['http://n2/v1/admin/promote', 'http://n3/v1/admin/promote']);
    const orders = recording.timeline.filter(({ kind }) => kind === 'operator');
    expect(orders[0]?.atMs).toBe(orders[1]?.atMs);
  });

  describe('in the end', () => {
    /** Once all nodes are equal, and so often, n3 is behind the others while everything is read. */
    async function restless(times: number): Promise<Recording> {
      const cluster = new FakeCluster();
      let left = times;
      cluster.onEvents = (url) => void (url === 'http://n3' && cluster.says.delete('n3'));
      return await run(cluster, scenarioOf(['after: 1s, kill: n2']), {
        onEvent: ({ text }) => {
          if (!text.startsWith('all nodes hold the same') || left === 0) return;
          left -= 1;
          cluster.says.set('n3', { durable: { epoch: 1, lsn: 5, chain: 5 } });
        },
      });
    }

    test.for([
      ['once where they are equal', 0, 0, true],
      ['again where one got behind meanwhile', 1, 1, true],
      ['five times at most', 99, 4, false],
    ] as const)('all nodes are asked for everything %s', async ([, times, again, isEqual]) => {
      const recording = await restless(times);

      const ends = new Set(recording.finals.map(({ status }) => status?.durable.lsn));
      expect(ends.size === 1).toBe(isEqual);
      const looks = textsOf(recording, 'drill').filter((text) => text.startsWith('looks at'));
      expect(looks).toHaveLength(again);
      expect(recording.phases.convergedMs).toBeDefined();
    });
  });

  test('that is interrupted gives up its clients, and waits for nothing that they could still see', async () => {
    const cluster = new FakeCluster();
    const controller = new AbortController();
    const scenario = scenarioOf(['after: 1s, kill: n1', 'after: 1s, start: n1']);

    const running = run(cluster, scenario, {
      signal: controller.signal,
      onEvent: ({ kind }) => {
        if (kind === 'fault') controller.abort(new Error('enough'));
      },
    });

    await expect(running).rejects.toThrow('enough');
    expect(cluster.loadAbandoned).toBe(1);
    expect(cluster.loadStopped).toBe(0);
  });
});
