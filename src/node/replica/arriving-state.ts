import type { Store } from '../../store/store.ts';
import type { SnapshotVisitor } from '../../wal/snapshot/snapshot-decoder.ts';
import { newStore } from './load-state.ts';
import type { StatePlace } from './load-state.ts';

/** The state that a snapshot holds, while the snapshot is on its way: it means something once that is whole. */
export class ArrivingState {
  readonly #place: Pick<StatePlace, 'newSeed'>;
  #store: Store | undefined;

  constructor(place: Pick<StatePlace, 'newSeed'>) {
    this.#place = place;
  }

  /** Undefined before the first beginning. */
  get store(): Store | undefined {
    return this.#store;
  }

  /** Begins anew. */
  begin(): SnapshotVisitor {
    const store = newStore(this.#place);
    this.#store = store;
    return (lsn, key, value) => store.putRange(lsn, key, value);
  }
}
