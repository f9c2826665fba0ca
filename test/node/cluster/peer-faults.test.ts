import { expect, test } from 'vitest';
import {
  PEER_FAULT_PAUSE_MS,
  PEER_FAULTS_MAX,
  peerFaultListener,
} from '../../../src/node/cluster/peer-faults.ts';
import { simulate } from '../../../src/sim/sim-world.ts';

test('what a peer does wrong is told at once, and then seldom, with how often it came', async () => {
  await simulate(1, async (world) => {
    const told: string[] = [];
    const note = peerFaultListener(world.process(), ({ message }) => told.push(message));
    for (let count = 0; count < 1_000; count += 1) note({ code: 'A', message: 'a', peer: 'n9' });
    note({ code: 'A', message: 'of another', peer: 'n8' });
    await world.pass(PEER_FAULT_PAUSE_MS + 1);
    note({ code: 'A', message: 'a', peer: 'n9' });

    expect(told).toEqual(['a', 'of another', 'a (and 999 more times since the last report)']);
  });
});

test('peers that make up names are told as one', async () => {
  await simulate(1, (world) => {
    const told: string[] = [];
    const note = peerFaultListener(world.process(), ({ message }) => told.push(message));
    for (let count = 0; count < 10 * PEER_FAULTS_MAX; count += 1) {
      note({ code: 'A', message: 'a', peer: `p${count}` });
    }

    expect(told).toHaveLength(PEER_FAULTS_MAX + 1);
    return Promise.resolve();
  });
});
