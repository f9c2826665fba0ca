/**
 * Searches for one order of the operations on a key that explains the results of all of them, and in which none
 * stands before another that had returned before it was called: Wing and Gong's search with Lowe's memory of tried
 * places, without recursion.
 *
 * Three rules keep it short, and none changes the result:
 *
 * - A step that only reads, and fits the register as it is, is taken at once: moved to the front of any order that
 * continues from here, it still fits, and it changes nothing for the others.
 * - A write that need not have happened is taken only if the next step reads what it left: otherwise the order is as
 * good without it.
 * - Versions have to grow along the order. So of the writes that happened and whose versions are known only the one
 * with the lowest can come next. An order found this way is valid, whoever reported the versions; and if there is
 * none, no order explains them.
 */
import { comparePositions, formatVersion } from '../wal/format/position.ts';
import { ABSENT, take } from './register-steps.ts';
import type { RegisterState, Step } from './register-steps.ts';

export type SearchResult =
  | { readonly kind: 'found'; readonly tried: number }
  /** No such order exists. */
  | { readonly kind: 'none'; readonly tried: number }
  /** The bound was reached: an order may exist, or not. */
  | { readonly kind: 'unknown'; readonly tried: number };

/** A choice between writes: the options left to try, and the steps to take back before that. */
interface Choice {
  readonly state: RegisterState;
  readonly options: readonly number[];
  next: number;
  /** Steps taken from here on. */
  taken: number[];
}

/**
 * Searches for an order.
 * @param steps in order of their calls, those that need not have happened included.
 * @param triesMax number of tried places after which the result is `unknown`.
 */
export function searchOrder(steps: readonly Step[], triesMax: number): SearchResult {
  return new Search(steps, triesMax).run();
}

class Search {
  readonly #steps: readonly Step[];
  readonly #triesMax: number;
  readonly #isTaken: Uint8Array;
  readonly #optional: readonly number[];
  /** Indices of writes that happened and whose versions are known, in the order of these; they are taken in it. */
  readonly #ordered: readonly number[];
  #orderedTaken = 0;
  readonly #dead = new Set<string>();
  readonly #choices: Choice[] = [];
  /** Number of steps that must happen and are not taken. */
  #left: number;
  /** Index below which all steps that must happen are taken. */
  #lowest = 0;
  #tried = 0;

  constructor(steps: readonly Step[], triesMax: number) {
    this.#steps = steps;
    this.#triesMax = triesMax;
    this.#isTaken = new Uint8Array(steps.length);
    this.#optional = steps.flatMap(({ must }, index) => (must ? [] : [index]));
    this.#left = steps.length - this.#optional.length;
    this.#ordered = steps
      .flatMap(({ must, version }, index) =>
        must && version !== undefined ? [{ index, version }] : [],
      )
      .toSorted((a, b) => comparePositions(a.version, b.version))
      .map(({ index }) => index);
  }

  run(): SearchResult {
    let state: RegisterState | undefined = ABSENT;
    let taken: number[] = [];
    for (;;) {
      if (state === undefined) {
        const again = this.#back();
        if (again === undefined) return { kind: 'none', tried: this.#tried };
        state = again;
        taken = this.#choices.at(-1)?.taken ?? taken;
      }
      this.#look(state, taken);
      if (this.#left === 0) return { kind: 'found', tried: this.#tried };
      if (this.#tried >= this.#triesMax) return { kind: 'unknown', tried: this.#tried };
      state = this.#choose(state);
      taken = this.#choices.at(-1)?.taken ?? taken;
    }
  }

  /** Takes all steps that only read and fit, again and again: each may open the way for others. */
  #look(state: RegisterState, taken: number[]): void {
    for (let found = true; found;) {
      found = false;
      for (const index of this.#open()) {
        const step = this.#steps[index];
        if (step?.isRead !== true || take(step, state) !== state) continue;
        this.#mark(index, taken);
        found = true;
      }
    }
  }

  /** Opens a choice and takes its first option; undefined if there is none, or if all was tried from here before. */
  #choose(state: RegisterState): RegisterState | undefined {
    const next = this.#steps[this.#ordered[this.#orderedTaken] ?? -1]?.version;
    // The next ordered write would come too late.
    const late =
      next !== undefined && state.top !== undefined && comparePositions(next, state.top) <= 0;
    const unseen = this.#isUnseen();
    const key = `${this.#place(state)}${unseen ? 'unseen' : ''}`;
    if (late || this.#dead.has(key)) return undefined;
    this.#dead.add(key);
    const options = this.#options(state).filter((index) => !unseen || this.#looks(index));
    this.#choices.push({ state, options, next: 0, taken: [] });
    return this.#back();
  }

  /** Returns true if the latest write need not have happened, and no step has read what it left. */
  #isUnseen(): boolean {
    const { taken } = this.#choices.at(-1) ?? {};
    const [index] = taken ?? [];
    return index !== undefined && taken?.length === 1 && this.#steps[index]?.must === false;
  }

  #looks(index: number): boolean {
    const step = this.#steps[index];
    const request = step?.operation.request;
    return step?.isRead === true || (request?.kind !== 'get' && request?.expect !== undefined);
  }

  /** Continues with the next option of the latest choice that has one. */
  #back(): RegisterState | undefined {
    for (;;) {
      const choice = this.#choices.at(-1);
      if (choice === undefined) return undefined;
      for (const index of choice.taken) this.#unmark(index);
      choice.taken = [];
      const index = choice.options[choice.next];
      const step = index === undefined ? undefined : this.#steps[index];
      if (index === undefined || step === undefined) {
        this.#choices.pop();
        continue;
      }
      choice.next += 1;
      const state = take(step, choice.state);
      if (state === undefined) continue;
      this.#mark(index, choice.taken);
      return state;
    }
  }

  #mark(index: number, taken: number[]): void {
    this.#tried += 1;
    this.#isTaken[index] = 1;
    const { must, version } = this.#steps[index] ?? {};
    if (must === true) this.#left -= 1;
    if (must === true && version !== undefined) this.#orderedTaken += 1;
    taken.push(index);
  }

  #unmark(index: number): void {
    this.#isTaken[index] = 0;
    this.#lowest = Math.min(this.#lowest, index);
    const { must, version } = this.#steps[index] ?? {};
    if (must === true) this.#left += 1;
    if (must === true && version !== undefined) this.#orderedTaken -= 1;
  }

  /** Returns the steps that may come next: no remaining step had returned before they were called. */
  #open(): readonly number[] {
    const open: number[] = [];
    let endMs = Number.POSITIVE_INFINITY;
    for (let index = this.#firstLeft(); index < this.#steps.length; index += 1) {
      const step = this.#steps[index];
      if (step === undefined || step.operation.calledAt > endMs) break;
      if (this.#isTaken[index] === 1 || !step.must) continue;
      open.push(index);
      endMs = Math.min(endMs, step.endsAt);
    }
    for (const index of this.#optional) {
      const calledAt = this.#steps[index]?.operation.calledAt ?? endMs;
      if (calledAt > endMs) break;
      if (this.#isTaken[index] === 0) open.push(index);
    }
    return open;
  }

  #options(state: RegisterState): readonly number[] {
    const fitting = this.#open().filter((index) => {
      const step = this.#steps[index];
      return step !== undefined && this.#isInOrder(index) && take(step, state) !== undefined;
    });
    // Of steps that are alike, any one leads to the same continuations.
    const alike = new Set<string>();
    const options = fitting.filter((index) => {
      const spare = this.#steps[index]?.spare;
      if (spare === undefined) return true;
      if (alike.has(spare) || (spare === 'delete' && state.value === undefined)) return false;
      alike.add(spare);
      return true;
    });
    return options.toSorted((a, b) => this.#compare(a, b));
  }

  /** Returns true if no write of a lower version has to come later. */
  #isInOrder(index: number): boolean {
    const step = this.#steps[index];
    const nextIndex = this.#ordered[this.#orderedTaken];
    if (step?.version === undefined || nextIndex === undefined || nextIndex === index) return true;
    const next = this.#steps[nextIndex]?.version;
    return !step.must && next !== undefined && comparePositions(step.version, next) < 0;
  }

  #compare(a: number, b: number): number {
    const [first, second] = [this.#steps[a], this.#steps[b]];
    if (first === undefined || second === undefined) return 0;
    if (first.must !== second.must) return first.must ? -1 : 1;
    if (first.version === undefined || second.version === undefined) {
      if (first.version === second.version) return a - b;
      return first.version === undefined ? 1 : -1;
    }
    return comparePositions(first.version, second.version);
  }

  /** Names the set of taken steps and the register: from equal places the same can follow. */
  #place({ value, version, top }: RegisterState): string {
    const from = this.#firstLeft();
    const beyond: number[] = [];
    let endMs = Number.POSITIVE_INFINITY;
    for (let index = from; index < this.#steps.length; index += 1) {
      const step = this.#steps[index];
      // No step called after this moment can have been taken while all of these were left.
      if (step === undefined || step.operation.calledAt > endMs) break;
      if (!step.must) continue;
      if (this.#isTaken[index] === 1) beyond.push(index);
      else endMs = Math.min(endMs, step.endsAt);
    }
    const spare = this.#optional.filter((index) => this.#isTaken[index] === 1);
    const told = [version, top].map((at) => (at === undefined ? '' : formatVersion(at)));
    return JSON.stringify([from, beyond, spare, value ?? null, ...told]);
  }

  /** Returns the first step that must happen and is not taken. */
  #firstLeft(): number {
    while (this.#lowest < this.#steps.length) {
      if (this.#isTaken[this.#lowest] === 0 && this.#steps[this.#lowest]?.must === true) break;
      this.#lowest += 1;
    }
    return this.#lowest;
  }
}
