/** Carries out a fault where a cluster runs: the same for all targets, once they know their processes, network and files. */
import { WalshipError } from '../../errors.ts';
import type { Fault } from '../faults/fault.ts';
import { grouped } from '../faults/table.ts';
import type { GroupFault } from '../faults/table.ts';
import type { DownFault } from './file-faults.ts';
import type { IdleClients } from './idle-clients.ts';
import { controlNode, cutPower } from './node-controls.ts';
import type { NodeLife } from './node-life.ts';

/** A cluster as it is broken. */
export interface FaultPlaces {
  life(nodeId: string): NodeLife;
  url(nodeId: string): string;
  applyToNetwork(fault: GroupFault<'network'>): Promise<void>;
  /** Changes files of a node that is down, and returns a description of the change. */
  damage(fault: DownFault): Promise<string>;
  readonly clients: IdleClients;
  /** Takes the descriptors of a node, or gives them back, and returns a description of the change. Absent where the target cannot. */
  readonly descriptors?: (fault: GroupFault<'limits'>) => Promise<string | undefined>;
  /** Returns another seed each time. */
  seed(): number;
}

/** Milliseconds from the order to cut the power to the end of the process. */
const POWER_CUT_MS_MAX = 20_000;

/** Says what exactly was done, where the fault leaves that open. @throws WalshipError DRILL_FAILED where it could not be done. */
export async function applyFault(wanted: Fault, places: FaultPlaces): Promise<string | undefined> {
  const { group, fault } = grouped(wanted);
  switch (group) {
    case 'process':
      await places.life(fault.node)[fault.kind]();
      return undefined;
    case 'inside':
      return await breakInside(fault, places);
    case 'clients':
      if (fault.kind === 'idle-clients') {
        return await places.clients.come(places.url(fault.node), fault);
      }
      places.clients.leave(fault.node);
      return undefined;
    case 'limits':
      if (places.descriptors === undefined) {
        throw new WalshipError(
          'DRILL_FAILED',
          'descriptors cannot be taken from nodes of this target',
        );
      }
      return await places.descriptors(fault);
    case 'network':
      await places.applyToNetwork(fault);
      return undefined;
    case 'files':
  }
  if (places.life(fault.node).isUp) {
    throw new WalshipError('DRILL_FAILED', `${fault.node} runs: its files are not to be touched`);
  }
  return await places.damage(fault);
}

async function breakInside(
  fault: GroupFault<'inside'>,
  places: FaultPlaces,
): Promise<string | undefined> {
  if (fault.kind === 'power-cut') {
    const running = fault.nodes.filter((id) => places.life(id).isUp);
    // All of them first: who is paused has to hear of it at the same moment as the others.
    await Promise.all(running.map(async (id) => await places.life(id).resume()));
    await Promise.all(running.map(async (id) => await cutPowerOf(id, places)));
    return undefined;
  }
  if (fault.kind === 'heal-disk' && !places.life(fault.node).isUp) {
    return await places.damage(fault);
  }
  const { node, ...order } = fault;
  await controlNode(places.url(node), order);
  return undefined;
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
