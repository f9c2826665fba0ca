/** Carries out a fault where a cluster runs: the same for all targets, once they know their processes, network and files. */
import { WalshipError } from '../../errors.ts';
import type {
  DiskFaultAction,
  DownFault,
  Fault,
  FaultKind,
  NetworkFault,
} from '../faults/fault.ts';
import type { ProcessFault } from '../faults/fault.ts';
import { controlNode, cutPower } from './node-controls.ts';
import type { NodeControl } from './node-controls.ts';
import type { IdleClients } from './idle-clients.ts';
import type { NodeLife } from './node-life.ts';

/** What every target can do with processes. */
export const PROCESS_FAULTS = ['kill', 'stop', 'start', 'pause', 'resume'] as const;
/** Actions of clients that the drill makes itself, where this process may hold enough connections. */
export const CROWD_FAULTS = ['idle-clients', 'clients-leave'] as const;
/** What a node does to itself, where it was started for that. */
export const OWN_FAULTS = [
  'power-cut',
  'stall',
  'clock-jump',
  'disk-full',
  'no-inodes',
  'disk-slow',
  'fsync-error',
  'disk-read-only',
  'heal-disk',
] as const;
/** What can be done to files that can be reached. */
export const FILE_FAULTS = [
  'flip-bit',
  'torn-tail',
  'lose-segment',
  'lose-snapshots',
  'wipe',
  'back-up',
  'restore',
] as const;
/** What a network can do whose every byte is in the hands of the drill. */
export const NETWORK_FAULTS = [
  'cut',
  'isolate',
  'partition',
  'delay',
  'loss',
  'bandwidth',
  'reset',
  'heal-network',
] as const satisfies readonly FaultKind[];

/** A cluster as it is broken. */
export interface FaultPlaces {
  life(nodeId: string): NodeLife;
  url(nodeId: string): string;
  applyToNetwork(fault: NetworkFault): Promise<void>;
  /** Changes files of a node that is down, and returns a description of the change. */
  damage(fault: DownFault): Promise<string>;
  readonly clients: IdleClients;
  /** Another one each time. */
  seed(): number;
}

/** From the order to lose what is not synced to the end of the process. */
const POWER_CUT_MS_MAX = 20_000;

/** Says what exactly was done, where the fault leaves that open. @throws WalshipError DRILL_FAILED where it could not be done. */
export async function applyFault(fault: Fault, places: FaultPlaces): Promise<string | undefined> {
  switch (fault.kind) {
    case 'kill':
    case 'stop':
    case 'start':
    case 'pause':
    case 'resume':
    case 'power-cut':
    case 'stall':
    case 'clock-jump':
      await toProcess(fault, places);
      return undefined;
    case 'idle-clients':
      return await places.clients.come(places.url(fault.node), fault);
    case 'clients-leave':
      places.clients.leave(fault.node);
      return undefined;
    case 'cut':
    case 'isolate':
    case 'partition':
    case 'delay':
    case 'loss':
    case 'bandwidth':
    case 'reset':
    case 'heal-network':
      await places.applyToNetwork(fault);
      return undefined;
    case 'disk-full':
    case 'no-inodes':
    case 'disk-slow':
    case 'fsync-error':
    case 'disk-read-only':
    case 'heal-disk':
      if (fault.kind === 'heal-disk' && !places.life(fault.node).isUp) {
        return await places.damage(fault);
      }
      await controlNode(places.url(fault.node), { disk: diskOf(fault) });
      return undefined;
    case 'flip-bit':
    case 'torn-tail':
    case 'lose-segment':
    case 'lose-snapshots':
    case 'wipe':
    case 'back-up':
    case 'restore':
  }
  if (places.life(fault.node).isUp) {
    throw new WalshipError('DRILL_FAILED', `${fault.node} runs: its files are not to be touched`);
  }
  return await places.damage(fault);
}

async function toProcess(
  fault: Exclude<ProcessFault, { readonly kind: 'idle-clients' | 'clients-leave' }>,
  places: FaultPlaces,
): Promise<void> {
  switch (fault.kind) {
    case 'kill':
    case 'stop':
    case 'start':
    case 'pause':
    case 'resume':
      await places.life(fault.node)[fault.kind]();
      return;
    case 'power-cut': {
      const running = fault.nodes.filter((id) => places.life(id).isUp);
      // All of them first: who is paused has to hear of it at the same moment as the others.
      await Promise.all(running.map(async (id) => await places.life(id).resume()));
      await Promise.all(running.map(async (id) => await cutPowerOf(id, places)));
      return;
    }
    case 'stall':
      await controlNode(places.url(fault.node), { stallMs: fault.forMs });
      return;
    case 'clock-jump':
      await controlNode(places.url(fault.node), { clockJumpMs: fault.byMs });
  }
}

/** The node undoes what was not synced, and dies of it without an answer. */
async function cutPowerOf(nodeId: string, places: FaultPlaces): Promise<void> {
  const life = places.life(nodeId);
  const gone = life.gone();
  await cutPower(places.url(nodeId), places.seed());
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new WalshipError('DRILL_FAILED', `${nodeId} outlives the cut of its power`));
    }, POWER_CUT_MS_MAX);
  });
  try {
    await Promise.race([gone, late]);
  } finally {
    clearTimeout(timer);
  }
}

function diskOf(fault: DiskFaultAction): Extract<NodeControl, { readonly disk: unknown }>['disk'] {
  switch (fault.kind) {
    case 'disk-full':
      return { full: true };
    case 'no-inodes':
      return { noInodes: true };
    case 'disk-slow':
      return { slowMs: fault.ms, part: fault.part };
    case 'fsync-error':
      return { fsyncError: true, part: fault.part };
    case 'disk-read-only':
      return { readOnly: true };
    case 'heal-disk':
  }
  return null;
}
