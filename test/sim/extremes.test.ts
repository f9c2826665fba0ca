/**
 * Goal: whatever number a stranger, or somebody who calls itself a voter, says to a node, the cluster lives on.
 * Method: each integer of each message at its extremes, to the leader and to a follower; then a leader is found, commits and serves, and once more
 * after a restart of all, which reads each meta.json again.
 */
import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import type { ControlMessage, Message } from '../../src/protocol/messages.ts';
import type { Link } from '../../src/ports/link.ts';
import { extremesOf } from '../../src/sim/extreme-messages.ts';
import { messagesOf } from '../../src/sim/stranger-messages.ts';
import { openSimNode } from '../../src/sim/open-node.ts';
import { SimCluster } from '../../src/sim/sim-cluster.ts';
import type { SimMachine } from '../../src/sim/sim-machine.ts';
import { LIMIT_MS, nodeOf, stageOf, three } from './stage.ts';
import type { Stage } from './stage.ts';

const ID = 'a'.repeat(32);
/** A link is given so long to be answered. */
const PATIENCE_MS = 3;

interface Attack {
  readonly stage: Stage;
  readonly machines: readonly SimMachine[];
  /** Opens a link, says these, and waits a little. */
  readonly say: (target: string, messages: readonly Buffer[]) => Promise<Message | undefined>;
}

async function underAttack(main: (attack: Attack) => Promise<void>): Promise<void> {
  const shape = { voters: 3, quorum: 2, segmentBytes: 64 * 1024, failover: 'auto' } as const;
  const cluster = new SimCluster({ seed: 7, open: openSimNode, ...shape });
  await cluster.run(
    async () => {
      const { world, network } = cluster;
      for (const machine of cluster.machines) machine.start();
      await cluster.until('birth', LIMIT_MS, () => cluster.isSettled);
      const process = world.process();
      const dialer = network.dialer('elsewhere', process);
      const say = async (target: string, messages: readonly Buffer[]) => {
        const heard: Message[] = [];
        const link: Link | undefined = await dialer.dial(target).catch(() => undefined);
        link?.receive({
          onMessage: (bytes) => {
            const decoded = decodeMessage(Buffer.from(bytes));
            if (decoded.kind === 'message') heard.push(decoded.message);
          },
          onClose: () => undefined,
        });
        for (const bytes of messages) {
          link?.send(bytes);
          await world.pass(PATIENCE_MS);
        }
        link?.close('that was all');
        return heard[0];
      };
      await main({ stage: stageOf(cluster), machines: cluster.machines, say });
      await lives(cluster, 'after the attack');
      for (const machine of cluster.machines) machine.kill();
      for (const machine of cluster.machines) machine.start();
      await lives(cluster, 'after a restart');
      await stageOf(cluster).settle();
    },
    { limitEvents: 50_000_000 },
  );
}

async function lives(cluster: SimCluster, value: string): Promise<void> {
  await cluster.until(`a leader ${value}`, LIMIT_MS, () => leaderOf(cluster) !== undefined);
  await cluster.until(`equal logs ${value}`, LIMIT_MS, () => cluster.isSettled);
  const leader = leaderOf(cluster);
  if (leader === undefined) throw new Error('nobody leads');
  await stageOf(cluster).write(leader, value);
  const key = Buffer.from('k');
  const { found } = await nodeOf(leader).read({ key, level: 'linearizable', timeoutMs: 1_000 });
  expect(found?.value.toString()).toBe(value);
}

const leaderOf = ({ machines }: Pick<SimCluster, 'machines'>): SimMachine | undefined =>
  machines.find(({ node }) => node?.status().role === 'leader');

/** What a follower says inside of a session; all of it is true of `like`. */
function inSession(like: SimMachine): readonly ControlMessage[] {
  const { epoch, durable } = nodeOf(like).status();
  const { lsn, chain } = durable;
  return [
    {
      kind: 'ack',
      epoch,
      durableLsn: lsn,
      chain,
      receivedLsn: lsn,
      appliedLsn: lsn,
      writable: true,
    },
    { kind: 'probed', epoch, number: 0 },
    { kind: 'is-intact', epoch },
    { kind: 'declined', epoch, code: 'NOT_CAUGHT_UP', message: '' },
    { kind: 'want', epoch, digest: 'd'.repeat(64), offset: 0 },
    { kind: 'got', epoch, offset: 0 },
  ];
}

function codesOf(machine: SimMachine): ReadonlySet<string> {
  const { events } = nodeOf(machine).events({ after: 0, limit: 1_000 });
  return new Set(events.map(({ code }) => code));
}

describe('a cluster lives on, whatever number', () => {
  test('a stranger says; and none of it ends a leadership', async () => {
    await underAttack(async ({ machines, say }) => {
      const [n1, n2] = three(machines);
      const { epoch } = nodeOf(n1).status();
      for (const message of messagesOf(nodeOf(n2).status(), 'nobody', ID)) {
        for (const { bytes } of extremesOf(message)) {
          for (const target of ['n1', 'n2']) await say(target, [bytes]);
        }
      }

      expect(nodeOf(n1).status()).toMatchObject({ role: 'leader', epoch, state: 'intact' });
      expect(nodeOf(n2).status().promise.epoch).toBe(epoch);
      expect(codesOf(n1)).toContain('NOT_A_VOTER');
      expect(codesOf(n1)).toContain('PROTOCOL_ERROR');
    });
  });

  test('a process says that calls itself a voter, run included', async () => {
    await underAttack(async ({ stage, machines, say }) => {
      const [, , n3] = three(machines);
      const runOf = async (): Promise<string> => {
        const identity = await say('n3', [encodeMessage({ kind: 'identify' })]);
        return identity?.kind === 'identity' ? identity.run : ID;
      };
      const run = await runOf();
      for (const message of messagesOf(nodeOf(n3).status(), 'n3', run)) {
        for (const { bytes } of extremesOf(message)) {
          for (const target of ['n1', 'n2']) await say(target, [bytes]);
        }
      }

      const states = machines.map((machine) => nodeOf(machine).status().state);
      expect(states).toEqual(['intact', 'intact', 'intact']);
      const epochs = machines.map((machine) => nodeOf(machine).status().promise.epoch);
      // Each of its asks may have been granted, and each time another leader was found.
      expect(Math.max(...epochs)).toBeLessThan(4_000_000);
      const codes = machines.flatMap((machine) => [...codesOf(machine)]);
      expect(codes).not.toContain('LEADER_LOST_DATA');
      expect(codes).toContain('CLAIM_UNPROVEN');
      expect(codes).toContain('PROTOCOL_ERROR');
      await stage.cluster.until('equal logs', LIMIT_MS, () => stage.cluster.isSettled);
    });
  });

  test('it says inside of a session', async () => {
    await underAttack(async ({ stage, machines, say }) => {
      const [, , n3] = three(machines);
      const identity = await say('n3', [encodeMessage({ kind: 'identify' })]);
      const run = identity?.kind === 'identity' ? identity.run : ID;
      const kinds = inSession(n3).length;
      for (let kind = 0; kind < kinds; kind += 1) {
        const count = extremesOf(inSession(n3)[kind] as ControlMessage).length;
        for (let index = 0; index < count; index += 1) {
          await stage.cluster.until('a leader', LIMIT_MS, () => stage.cluster.isSettled);
          const hello = messagesOf(nodeOf(n3).status(), 'n3', run)[0] as Message;
          const extreme = extremesOf(inSession(n3)[kind] as ControlMessage)[index];
          const target = leaderOf(stage.cluster)?.nodeId ?? 'n1';
          await say(target, [encodeMessage(hello), extreme?.bytes ?? Buffer.alloc(0)]);
        }
      }

      const states = machines.map((machine) => nodeOf(machine).status().state);
      expect(states).toEqual(['intact', 'intact', 'intact']);
      expect(machines.flatMap((machine) => [...codesOf(machine)])).toContain('PROTOCOL_ERROR');
    });
  });
});
