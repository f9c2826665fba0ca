import { describe, expect, test } from 'vitest';
import { FIELD_NAMES } from '../../../src/config/fields.ts';
import { loadScenario, scenarioNames } from '../../../src/drill/scenario/catalog.ts';
import { parseScenario } from '../../../src/drill/scenario/scenario-file.ts';
import { isWalshipError } from '../../../src/errors.ts';

function problemsOf(text: string): readonly string[] {
  try {
    parseScenario(text, 'mine.yaml');
  } catch (error) {
    if (isWalshipError(error, 'CONFIG_INVALID')) return error.details['problems'] as string[];
    throw error;
  }
  return [];
}

describe('the scenarios of the package', () => {
  test.for(scenarioNames())(
    '%s is as its file is named, and every option of its nodes exists',
    (name) => {
      const scenario = loadScenario(name);

      expect(scenario.name).toBe(name);
      expect(scenario.lesson).toBeDefined();
      expect(FIELD_NAMES).toEqual(expect.arrayContaining(Object.keys(scenario.cluster.options)));
    },
  );

  test('are twenty-five at least', () => {
    expect(scenarioNames().length).toBeGreaterThanOrEqual(25);
  });
});

describe('a scenario file', () => {
  test('has defaults for everything but its name, its sentence and its steps', () => {
    const scenario = parseScenario(
      'name: mine\nabout: Mine.\nsteps:\n  - { after: 1500ms, kill: leader, as: old }\n',
      'mine.yaml',
    );

    expect(scenario).toEqual({
      name: 'mine',
      about: 'Mine.',
      lesson: undefined,
      cluster: { nodes: 3, quorum: 2, failover: 'manual', leaderships: 0, options: {} },
      ack: 'quorum',
      loss: 'none',
      lossByChance: false,
      durationMs: 1_500,
      steps: [
        {
          afterMs: 1_500,
          actions: [{ kind: 'kill', node: ['leader'] }],
          atOnce: false,
          as: 'old',
          await: undefined,
          withinMs: 60_000,
        },
      ],
      staysDown: [],
    });
  });

  test('says everything that is wrong at once, each with its place', () => {
    const problems = problemsOf(`
name: My Drill
cluster: { nodes: 3, quorum: 4, colour: red }
loss: some
steps:
  - { after: 2 seconds, kill: leader }
  - { kill: n4 }
  - { kill: n1, start: n1 }
  - { await: dinner }
  - { explode: n1 }
  - { flip-bit: n1, in: memory }
  - { kill: n1, as: leader }
`);

    expect(problems).toEqual([
      'mine.yaml: name must be up to 48 small letters, digits and dashes, not "My Drill"',
      'mine.yaml: cluster.quorum must be a whole number in [1, 3], not 4',
      'mine.yaml: cluster.colour is not known here (known: nodes, quorum, failover, leaderships, options)',
      'mine.yaml: steps[0].after must be a duration such as 300ms, 2s or 1h, not "2 seconds"',
      'mine.yaml: steps[1]: there is no n4 (there are n1, n2, n3, roles and sets)',
      'mine.yaml: steps[2] does several things: kill, start',
      expect.stringContaining('mine.yaml: steps[2].start is not known here'),
      'mine.yaml: steps[3].await must be a mapping of keys',
      expect.stringContaining('mine.yaml: steps[3].await must be commits, or one of'),
      expect.stringContaining('mine.yaml: steps[4] does nothing'),
      expect.stringContaining('mine.yaml: steps[4].explode is not known here'),
      'mine.yaml: steps[5].in must be sealed-segment or last-segment or snapshot or meta, not "memory"',
      'mine.yaml: steps[6].as must be a name of letters, digits and dashes that means nothing else, not "leader"',
      'mine.yaml: about is missing: it must be a text',
      'mine.yaml: loss must be none or local or forced, not "some"',
      'mine.yaml: no step begins after anything: see `after`',
    ]);
  });

  test('may name the reason of a refusal, and none that there is not', () => {
    const stepOf = (order: string): string =>
      `name: a\nabout: A.\nsteps:\n  - { after: 1s, promote: n1, ${order} }\n`;

    const [step] = parseScenario(stepOf('expect: refused, reason: VOTER_AHEAD'), 'a').steps;

    expect(step?.actions).toEqual([
      { kind: 'promote', node: ['n1'], expect: 'refused', reason: 'VOTER_AHEAD' },
    ]);
    expect(problemsOf(stepOf('expect: refused, reason: VOTER_AHAED'))).toEqual([
      expect.stringContaining('steps[0].reason must be a code of docs/errors.md, or a rule'),
    ]);
    expect(problemsOf(stepOf('expect: done, reason: VOTER_AHEAD'))).toEqual([
      expect.stringContaining('steps[0].reason must be beside `expect: refused`'),
    ]);
  });

  test('may wait for what nodes and clients are told', () => {
    const wait = (text: string): string =>
      `name: a\nabout: A.\nsteps:\n  - { after: 1s, await: { ${text} } }\n`;
    const awaited = (text: string): unknown => parseScenario(wait(text), 'a').steps[0]?.await;

    expect(awaited('says: n1, code: DISK_FULL')).toEqual({
      kind: 'says',
      node: ['n1'],
      code: 'DISK_FULL',
      words: '',
    });
    expect(awaited('says: n1, code: DISK_FULL, words: every inode')).toMatchObject({
      words: 'every inode',
    });
    expect(awaited('rejected: 5, code: DISK_FULL')).toEqual({
      kind: 'rejected',
      count: 5,
      code: 'DISK_FULL',
    });
    expect(problemsOf(wait('rejected: 5, code: full'))).toEqual([
      expect.stringContaining('steps[0].await.code must be a code of docs/errors.md'),
    ]);
  });

  test('calls a loss one by chance only where it has one', () => {
    const rest = 'name: a\nabout: A.\nloss-by-chance: true\nsteps:\n  - { after: 1s, kill: n1 }\n';

    expect(parseScenario(`loss: local\n${rest}`, 'a').lossByChance).toBe(true);
    expect(problemsOf(rest)).toEqual([
      'mine.yaml: loss-by-chance must be beside a `loss` that is not none, not true',
    ]);
  });

  test('names the line where it is no YAML', () => {
    expect(problemsOf('name: a\nname: b\n')[0]).toContain('mine.yaml: line 2: ');
    expect(problemsOf('steps: [\n')[0]).toContain('mine.yaml: line ');
    expect(problemsOf('- a\n')).toContain('mine.yaml: the file must be a mapping of keys');
  });

  test('means both directions of a link by `both`', () => {
    const text = 'name: a\nabout: A.\nsteps:\n  - { after: 1s, cut: n1, to: n2, both: true }\n';

    expect(parseScenario(text, 'a.yaml').steps[0]?.actions).toEqual([
      { kind: 'cut', from: ['n1'], to: ['n2'] },
      { kind: 'cut', from: ['n2'], to: ['n1'] },
    ]);
  });

  test('is refused where there is none', () => {
    expect(() => loadScenario('leader-kil')).toThrow('there is no scenario "leader-kil"');
    expect(() => loadScenario('./nowhere.yaml')).toThrow('the scenario cannot be read');
  });
});
