/**
 * Meanings of the names of a scenario, decided at the moment of a step. Within one step a name means the same nodes everywhere.
 *
 * | name | means |
 * | --- | --- |
 * | `n1` | that node |
 * | given by `as` | the nodes that it was given to |
 * | `leader` | who says that it leads, in the highest epoch |
 * | `follower` | one that runs and does not lead, without a given name where there is one; the seed chooses |
 * | `newest` | of those that run and do not lead, the one whose log goes furthest |
 * | `other` | one that neither leads nor has a given name, running or not; the seed chooses |
 * | `all`, `up`, `down`, `followers` | every node; those that run; those that do not; those that run and do not lead |
 */
import type { SeededEntropy } from '../../ports/seeded-entropy.ts';
import type { Fault, OperatorAction } from '../faults/fault.ts';
import type { Action, Await } from './scenario.ts';

/** One node at the moment of a step. */
export interface NodeNow {
  readonly nodeId: string;
  readonly up: boolean;
  /** True if its answer, if any, says that it leads. */
  readonly leads: boolean;
  readonly epoch: number;
  readonly durable: { readonly epoch: number; readonly lsn: number } | undefined;
}

export interface Situation {
  readonly nodes: readonly NodeNow[];
  readonly given: ReadonlyMap<string, readonly string[]>;
}

const SETS = ['all', 'up', 'down', 'followers'] as const;
const ROLES = ['leader', 'follower', 'newest', 'other'] as const;

/** Returns true if `name` is a role or a set, which means something in every cluster. */
export function isRole(name: string): boolean {
  return [...SETS, ...ROLES].some((role) => role === name);
}

/** Returns true if a step may give `name` to a node. */
export function canBeGiven(name: string): boolean {
  return !isRole(name) && !/^n\d+$/.test(name);
}

/** A name that means no node at this moment. */
export class NobodyNamed extends Error {
  readonly nodeName: string;

  constructor(nodeName: string) {
    super(`no node is ${nodeName} now`);
    this.nodeName = nodeName;
  }
}

/** The names of one step. */
export class StepNames {
  readonly #situation: Situation;
  readonly #entropy: SeededEntropy;
  readonly #meanings = new Map<string, readonly string[]>();

  constructor(situation: Situation, entropy: SeededEntropy) {
    this.#situation = situation;
    this.#entropy = entropy;
  }

  /** Node ids without repetition, in the order of the names. @throws NobodyNamed where a name of one node means none. */
  resolve(names: readonly string[]): readonly string[] {
    return [...new Set(names.flatMap((name) => this.#meaning(name)))];
  }

  #meaning(name: string): readonly string[] {
    const known = this.#meanings.get(name);
    if (known !== undefined) return known;
    const found = this.#find(name);
    this.#meanings.set(name, found);
    return found;
  }

  #find(name: string): readonly string[] {
    const { nodes, given } = this.#situation;
    const ids = (wanted: (node: NodeNow) => boolean): readonly string[] =>
      nodes.filter(wanted).map((node) => node.nodeId);
    const leader = leaderAmong(nodes)?.nodeId;
    const named = new Set([...given.values()].flat());
    switch (name) {
      case 'all':
        return ids(() => true);
      case 'up':
        return ids((node) => node.up);
      case 'down':
        return ids((node) => !node.up);
      case 'followers':
        return ids((node) => node.up && node.nodeId !== leader);
      case 'leader':
        return [only(name, leader)];
      case 'newest':
        return [only(name, newestAmong(nodes.filter((node) => node.nodeId !== leader)))];
      case 'follower': {
        const running = ids((node) => node.up && node.nodeId !== leader);
        const nameless = running.filter((id) => !named.has(id));
        return [this.#one(name, nameless.length > 0 ? nameless : running)];
      }
      case 'other':
        return [
          this.#one(
            name,
            ids(({ nodeId }) => nodeId !== leader && !named.has(nodeId)),
          ),
        ];
      default:
        return given.get(name) ?? ids((node) => node.nodeId === name);
    }
  }

  #one(name: string, candidates: readonly string[]): string {
    return only(name, candidates.length === 0 ? undefined : this.#entropy.pick(candidates));
  }
}

function only(name: string, nodeId: string | undefined): string {
  if (nodeId === undefined) throw new NobodyNamed(name);
  return nodeId;
}

/** Returns the leader as far as the nodes report: after a failover the old leader may still report to lead too. */
export function leaderAmong(nodes: readonly NodeNow[]): NodeNow | undefined {
  return nodes.filter((node) => node.leads).toSorted((a, b) => b.epoch - a.epoch)[0];
}

function newestAmong(nodes: readonly NodeNow[]): string | undefined {
  const place = ({ durable }: NodeNow): { epoch: number; lsn: number } =>
    durable ?? { epoch: 0, lsn: 0 };
  return nodes
    .filter((node) => node.up && node.durable !== undefined)
    .toSorted((a, b) => place(b).epoch - place(a).epoch || place(b).lsn - place(a).lsn)[0]?.nodeId;
}

/** Resolves an action: one order for each node and each link that it means. @throws NobodyNamed. */
export function resolveAction(
  action: Action,
  names: StepNames,
): readonly (Fault | OperatorAction)[] {
  if ('groups' in action) {
    return [{ ...action, groups: action.groups.map((group) => names.resolve(group)) }];
  }
  if ('nodes' in action) return [{ ...action, nodes: names.resolve(action.nodes) }];
  if ('from' in action) {
    const ends = names.resolve(action.to);
    return names
      .resolve(action.from)
      .flatMap((from) => ends.filter((to) => to !== from).map((to) => ({ ...action, from, to })));
  }
  if ('to' in action) return names.resolve(action.to).map((to) => ({ ...action, to }));
  if ('node' in action) return names.resolve(action.node).map((node) => ({ ...action, node }));
  return [action];
}

/**
 * Resolves the nodes of a wait. @throws NobodyNamed if there is none to wait for: an empty set would end the wait at
 * once.
 */
export function resolveAwait(wanted: Await, names: StepNames): Await {
  if (!('node' in wanted)) return wanted;
  const node = names.resolve(wanted.node);
  if (node.length === 0) throw new NobodyNamed(wanted.node.join(' or '));
  return { ...wanted, node };
}
