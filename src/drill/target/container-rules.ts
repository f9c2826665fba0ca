/** What iptables and tc are told in the network namespace of one container. No I/O. */
import type { PathCondition } from './network-path.ts';

/** Another node, as one container sees it. */
export interface Neighbour {
  readonly address: string;
  /** From there to here. */
  readonly incoming: PathCondition;
  /** From here to there. */
  readonly outgoing: PathCondition;
}

/** Holds every rule of the drill, and is replaced as a whole. */
export const CHAIN = 'WALSHIP_DRILL';
const DEVICE = 'eth0';
/** What is not held back passes at this rate. */
const FREE_RATE = '10gbit';
const FIRST_CLASS = 16;
/** No acknowledgement without data is longer: 20 bytes of IP, 20 to 40 of TCP. */
const ACK_BYTES_MAX = 60;

/** For `iptables-restore --noflush`: what does not get in. */
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
 * A cut of one direction takes the bytes of that direction, the opening of connections and their end, and lets acknowledgements pass: they belong to
 * what is sent the other way.
 */
function cutRules(address: string, bothWays: boolean): readonly string[] {
  if (bothWays) return [`-s ${address} -j DROP`];
  const flags = ['SYN,ACK SYN', 'PSH PSH', 'FIN FIN', 'RST RST'];
  return [
    ...flags.map((flag) => `-s ${address} -p tcp --tcp-flags ${flag} -j DROP`),
    `-s ${address} -m length --length ${ACK_BYTES_MAX + 1}:65535 -j DROP`,
  ];
}

/** For `tc -batch`, where nothing is shaped yet: how fast and how late it gets out. Empty: as it is. */
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
        // It takes the middle, and how far it goes from there either way.
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

/** Takes away whatever `shapingRules` made. */
export const UNSHAPE = ['tc', 'qdisc', 'del', 'dev', DEVICE, 'root'] as const;

function isShaped({ bytesPerSecond, delayMs, jitterMs }: PathCondition): boolean {
  return Number.isFinite(bytesPerSecond) || delayMs + jitterMs > 0;
}
