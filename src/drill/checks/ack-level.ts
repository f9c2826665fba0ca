import { formatVersion } from '../../wal/position.ts';
import type { SetWrite } from '../recording.ts';
import type { Check } from '../verdict.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';

/**
 * A write is acknowledged once it is on as many disks as its level asks for. This is the word of the leader that acknowledged it; whether it was
 * true shows where disks are lost.
 */
export function checkAckLevel({ recording }: Evidence): Check {
  const { quorum, voters, setWrites } = recording;
  const needed: Readonly<Record<SetWrite['ack'], number>> = {
    local: 1,
    quorum,
    all: voters.length,
  };
  const told = setWrites.filter(
    ({ end, durableOn }) => end === 'acknowledged' && durableOn !== undefined,
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
