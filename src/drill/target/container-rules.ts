/** Rules for iptables and tc in the network namespace of one container. No I/O. */
import type { PathCondition } from './network-path.ts';

/** Another node, as one container sees it. */
export interface Neighbour {
  readonly address: string;
  /** Path from there to here. */
  readonly incoming: PathCondition;
  /** Path from here to there. */
  readonly outgoing: PathCondition;
}

/** Chain with every rule of the drill, which is replaced as a whole. */
export const CHAIN = 'WALSHIP_DRILL';
const DEVICE = 'eth0';
/** Rate of traffic that is not shaped. */
const FREE_RATE = '10gbit';
const FIRST_CLASS = 16;
/** Largest acknowledgement without data: 20 bytes of IP, 20 to 40 of TCP. */
const ACK_BYTES_MAX = 60;

/** Returns the input of `iptables-restore --noflush`: rules for dropped packets. */
export function filterRules(neighbours: readonly Neighbour[]): string {
  const rules = neighbours.flatMap(({ address, incoming, outgoing }) => [
    ...(incoming.cut ? cutRules(address, outgoing.cut) : []),
    ...(incoming.lossShare > 0
      ? [
          `-s ${address} -p tcp -m statistic --mode random --probability ${incoming.lossShare} -j DROP`,
        ]
      : []),
  ]);
  const lines = rules.map((rule) => `-A ${CHAIN} ${rule}\n`).join('');
  return `*filter\n:${CHAIN} - [0:0]\n${lines}COMMIT\n`;
}

/**
 * Returns the rules for a cut. A cut of one direction drops the bytes of that direction, the opening of connections
 * and their end, and lets acknowledgements pass: they belong to the bytes sent the other way.
 */
function cutRules(address: string, bothWays: boolean): readonly string[] {
  if (bothWays) return [`-s ${address} -j DROP`];
  const flags = ['SYN,ACK SYN', 'PSH PSH', 'FIN FIN', 'RST RST'];
  return [
    ...flags.map((flag) => `-s ${address} -p tcp --tcp-flags ${flag} -j DROP`),
    `-s ${address} -m length --length ${ACK_BYTES_MAX + 1}:65535 -j DROP`,
  ];
}

/**
 * Returns the input of `tc -batch`, if nothing is shaped yet: rate and delay of outgoing traffic. Empty where it is
 * unchanged.
 */
export function shapingRules(neighbours: readonly Neighbour[]): string {
  const shaped = neighbours.filter(({ outgoing }) => isShaped(outgoing));
  if (shaped.length === 0) return '';
  const lines = [
    `qdisc add dev ${DEVICE} root handle 1: htb default 1`,
    `class add dev ${DEVICE} parent 1: classid 1:1 htb rate ${FREE_RATE} quantum 60000`,
    ...shaped.flatMap(({ address, outgoing }, index) => {
      const id = (FIRST_CLASS + index).toString(16);
      const { bytesPerSecond, delayMs, jitterMs } = outgoing;
      const rate = Number.isFinite(bytesPerSecond)
        ? `${Math.ceil(bytesPerSecond * 8)}bit`
        : FREE_RATE;
      const late = delayMs + jitterMs > 0;
      return [
        `class add dev ${DEVICE} parent 1: classid 1:${id} htb rate ${rate} quantum 1514`,
        // The arguments of netem are the middle, and the deviation either way.
        ...(late
          ? [
              `qdisc add dev ${DEVICE} parent 1:${id} handle ${id}: netem delay ${delayMs + jitterMs / 2}ms ${jitterMs / 2}ms`,
            ]
          : []),
        `filter add dev ${DEVICE} parent 1: protocol ip u32 match ip dst ${address}/32 flowid 1:${id}`,
      ];
    }),
  ];
  return `${lines.join('\n')}\n`;
}

/** Command that removes everything that `shapingRules` made. */
export const UNSHAPE = ['tc', 'qdisc', 'del', 'dev', DEVICE, 'root'] as const;

function isShaped({ bytesPerSecond, delayMs, jitterMs }: PathCondition): boolean {
  return Number.isFinite(bytesPerSecond) || delayMs + jitterMs > 0;
}
