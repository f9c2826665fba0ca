/** Scenario files: read, checked completely, every problem reported at once. docs/drills.md describes the format. */
import { WalshipError } from '../../errors.ts';
import { MappingReader, isName } from './mapping-reader.ts';
import type { Problems } from './mapping-reader.ts';
import { canBeGiven, isRole } from './names.ts';
import type { Action, Await, Scenario, Step } from './scenario.ts';
import type { ClusterShape } from '../target/target.ts';
import { VERBS, verbsIn } from './verbs.ts';
import { parseYaml } from './yaml.ts';

const NODES_MAX = 9;
const WITHIN_MS_DEFAULT = 60_000;
const SCENARIO_NAME = /^[a-z0-9][a-z0-9-]{0,47}$/;
const ERROR_CODE = /^[A-Z][A-Z_]+$/;
const WRITES_MAX = 1_000_000;

/**
 * Parses the scenario that `text` describes.
 * @param path for display.
 * @throws WalshipError CONFIG_INVALID with `details.problems`.
 */
export function parseScenario(text: string, path: string): Scenario {
  const parsed = parseYaml(text);
  if (!parsed.ok) throw invalid(path, parsed.problems);
  const problems: Problems = [];
  const scenario = readScenario(new MappingReader(parsed.value, '', problems), problems);
  if (problems.length > 0) throw invalid(path, problems);
  return scenario;
}

function invalid(path: string, problems: readonly string[]): WalshipError {
  const named = problems.map((problem) => `${path}: ${problem}`);
  const message =
    named.length === 1
      ? (named[0] ?? '')
      : `${named.length} problems:${named.map((line) => `\n  ${line}`).join('')}`;
  return new WalshipError('CONFIG_INVALID', message, { details: { problems: named } });
}

function readScenario(file: MappingReader, problems: Problems): Scenario {
  const name = file.text('name');
  if (name !== '' && !SCENARIO_NAME.test(name)) {
    file.problem('name', 'up to 48 small letters, digits and dashes');
  }
  const cluster = readCluster(file.mapping('cluster'));
  const named = new Set(Array.from({ length: cluster.nodes }, (_, index) => `n${index + 1}`));
  const steps = file
    .list('steps')
    .map(({ value, place }) => readStep(value, place, { named, problems }));
  const scenario = {
    name,
    about: file.text('about'),
    lesson: file.has('lesson') ? file.text('lesson') : undefined,
    cluster,
    ack: file.choice('ack', ['quorum', 'local', 'all'] as const, 'quorum'),
    loss: file.choice('loss', ['none', 'local', 'forced'] as const, 'none'),
    lossByChance: file.flag('loss-by-chance'),
    durationMs: steps.reduce((sum, step) => sum + step.afterMs, 0),
    steps,
    staysDown: file.names('stays-down', []),
  };
  checkNames(scenario.staysDown, 'stays-down', { named, problems });
  if (scenario.lossByChance && scenario.loss === 'none') {
    file.problem('loss-by-chance', 'beside a `loss` that is not none');
  }
  if (scenario.durationMs === 0) problems.push('no step begins after anything: see `after`');
  file.finish();
  return scenario;
}

/** Number of leaderships of a history that is made beforehand. */
const LEADERSHIPS_MAX = 1_000_000;

function readCluster(cluster: MappingReader): ClusterShape {
  const nodes = cluster.number('nodes', { min: 1, max: NODES_MAX, fallback: 3 });
  const majority = Math.floor(nodes / 2) + 1;
  const shape = {
    nodes,
    quorum: cluster.number('quorum', { min: 1, max: nodes, fallback: majority }),
    failover: cluster.choice('failover', ['manual', 'auto'] as const, 'manual'),
    leaderships: cluster.number('leaderships', { min: 0, max: LEADERSHIPS_MAX, fallback: 0 }),
    options: readOptions(cluster.mapping('options')),
  };
  cluster.finish();
  return shape;
}

function readOptions(options: MappingReader): ClusterShape['options'] {
  const read: Record<string, string | number | boolean> = {};
  for (const key of options.keys) {
    const value = options.raw(key);
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      read[key] = value;
    } else {
      options.problem(key, 'a text, a number, true or false');
    }
  }
  return read;
}

interface Seen {
  /** Ids of the nodes, and the names given so far. */
  readonly named: Set<string>;
  readonly problems: Problems;
}

function readStep(value: unknown, place: string, seen: Seen): Step {
  const step = new MappingReader(value, place, seen.problems);
  const afterMs = step.duration('after', { fallback: 0 });
  const atOnce = step.has('at-once');
  const actions = atOnce ? readAtOnce(step, place, seen) : readAction(step, place, seen);
  const read = {
    afterMs,
    actions,
    atOnce,
    as: step.has('as') ? step.text('as') : undefined,
    await: step.has('await') ? readAwait(step, seen) : undefined,
    withinMs: step.duration('within', { fallback: WITHIN_MS_DEFAULT }),
  };
  if (read.as !== undefined) {
    if (!isName(read.as) || !canBeGiven(read.as)) {
      step.problem('as', 'a name of letters, digits and dashes that means nothing else');
    }
    if (actions.length === 0) step.problem('as', 'beside something that is done to a node');
    seen.named.add(read.as);
  }
  if (actions.length === 0 && !step.has('await') && afterMs === 0) {
    seen.problems.push(`${place} does nothing (known: ${Object.keys(VERBS).join(', ')})`);
  }
  step.finish();
  return read;
}

function readAtOnce(step: MappingReader, place: string, seen: Seen): readonly Action[] {
  if (verbsIn(step.keys).length > 0) {
    step.problem('at-once', 'the only thing that the step does');
  }
  return step.list('at-once').flatMap(({ value, place: at }) => {
    const part = new MappingReader(value, at, seen.problems);
    const actions = readAction(part, at, seen);
    if (actions.length === 0) seen.problems.push(`${at} does nothing`);
    part.finish();
    return actions;
  });
}

function readAction(step: MappingReader, place: string, seen: Seen): readonly Action[] {
  const verbs = verbsIn(step.keys);
  if (verbs.length > 1) seen.problems.push(`${place} does several things: ${verbs.join(', ')}`);
  const actions = verbs.slice(0, 1).flatMap((verb) => VERBS[verb]?.(step) ?? []);
  for (const action of actions) checkNames(namesOf(action), place, seen);
  return actions;
}

function readAwait(step: MappingReader, seen: Seen): Await | undefined {
  if (step.raw('await') === 'commits') return { kind: 'commits' };
  const reader = step.mapping('await');
  const read = ((): Await | undefined => {
    if (reader.has('ready')) return { kind: 'ready', node: reader.names('ready') };
    if (reader.has('leads')) return { kind: 'leads', node: reader.names('leads') };
    if (reader.has('steps-down')) return { kind: 'steps-down', node: reader.names('steps-down') };
    if (reader.has('down')) return { kind: 'down', node: reader.names('down') };
    if (reader.has('writes')) {
      return { kind: 'writes', count: reader.number('writes', { min: 1, max: WRITES_MAX }) };
    }
    if (reader.has('rejected')) {
      const count = reader.number('rejected', { min: 1, max: WRITES_MAX });
      return { kind: 'rejected', count, code: readCode(reader) };
    }
    if (reader.has('says')) {
      const words = reader.has('words') ? reader.text('words') : '';
      return { kind: 'says', node: reader.names('says'), code: readCode(reader), words };
    }
    if (!reader.has('refused')) return undefined;
    return { kind: 'refused', node: reader.names('refused'), code: readCode(reader) };
  })();
  if (read === undefined) {
    step.problem(
      'await',
      'commits, or one of ready, leads, steps-down, down, says, refused, writes, rejected with its parameters',
    );
  } else {
    reader.finish();
    if ('node' in read) checkNames(read.node, 'await', seen);
  }
  return read;
}

function readCode(reader: MappingReader): string {
  const code = reader.text('code');
  if (!ERROR_CODE.test(code)) reader.problem('code', 'a code of docs/errors.md');
  return code;
}

function namesOf(action: Action): readonly string[] {
  if (action.kind === 'partition') return action.groups.flat();
  const of = action as Partial<Record<'node' | 'nodes' | 'from' | 'to', readonly string[]>>;
  return [of.node, of.nodes, of.from, of.to].flatMap((names) => names ?? []);
}

function checkNames(names: readonly string[], place: string, { named, problems }: Seen): void {
  for (const name of names) {
    if (named.has(name) || isRole(name)) continue;
    const known = [...named].join(', ');
    problems.push(`${place}: there is no ${name} (there are ${known}, roles and sets)`);
  }
}
