import { formatVersion } from '../../wal/position.ts';
import type { SetWrite } from '../recording.ts';
import type { Check } from '../verdict.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';

/**
 * A write is acknowledged once it is on as many disks as its level asks for. This is the word of the leader that acknowledged it; whether it was
 * true shows where disks are lost.
 */
export function checkAckLevel({ recording, forced }: Evidence): Check {
  const { quorum, voters, setWrites } = recording;
  const needed: Readonly<Record<SetWrite['ack'], number>> = {
    local: 1,
    quorum,
    all: voters.length,
  };
  // From a forced failover on, another history goes on with the voters that are left.
  const endMs = Math.min(...forced.map(({ atMs }) => atMs));
  const told = setWrites.filter(
    ({ end, durableOn, returnedAt }) =>
      end === 'acknowledged' && durableOn !== undefined && returnedAt < endMs,
  );
  const findings = told.flatMap(({ key, version, ack, durableOn = [] }) => {
    const disks = [...new Set(durableOn)].filter((nodeId) => voters.includes(nodeId));
    if (disks.length >= needed[ack]) return [];
    const at = version === undefined ? '' : ` at ${formatVersion(version)}`;
    return [
      `${key}${at} was acknowledged on ${disks.join(', ') || 'no voter'}, and ${ack} asks for ${needed[ack]}`,
    ];
  });
  return checkOf('ACK_LEVEL', 'acknowledged is what is on as many disks as was asked for', {
    findings,
    looked: `${told.length} acknowledgements that say where`,
  });
}
