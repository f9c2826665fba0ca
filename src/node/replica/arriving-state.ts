import type { Store } from '../../store/store.ts';
import type { SnapshotVisitor } from '../../wal/snapshot/snapshot-decoder.ts';
import { newStore } from './load-state.ts';
import type { StatePlace } from './load-state.ts';

/** State built from a snapshot while it arrives; valid only once the snapshot is whole. */
export class ArrivingState {
  readonly #place: Pick<StatePlace, 'newSeed'>;
  #store: Store | undefined;

  constructor(place: Pick<StatePlace, 'newSeed'>) {
    this.#place = place;
  }

  /** Store being filled; undefined before the first `begin`. */
  get store(): Store | undefined {
    return this.#store;
  }

  /** Starts over with an empty store. */
  begin(): SnapshotVisitor {
    const store = newStore(this.#place);
    this.#store = store;
    return (lsn, key, value) => store.putRange(lsn, key, value);
  }
}
