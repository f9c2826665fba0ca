/**
 * Additions of a drill to compose.yml and compose.drill.yml: the shape of the cluster, and nodes beyond the three. No
 * I/O.
 */
import { variableOf } from '../../config/fields.ts';
import type { FieldName } from '../../config/fields.ts';
import type { ClusterShape } from './target.ts';

/** Port of nodes in containers. */
const PORT = 7401;
const SHIPPED_NODES = 3;
export const IMAGE = 'walship';

/** Builds a compose file; JSON is YAML too. @param ports on the host, of n1, n2, … */
export function composeShape(shape: ClusterShape, ports: readonly number[]): string {
  const ids = ports.map((_, index) => `n${index + 1}`);
  const environment = {
    WALSHIP_PEERS: ids.map((id) => `${id}=${id}:${PORT}`).join(','),
    WALSHIP_QUORUM: String(shape.quorum),
    WALSHIP_FAILOVER: shape.failover,
    ...Object.fromEntries(
      Object.entries(shape.options).map(([name, value]) => [
        // A node refuses a name that is no option.
        variableOf(name as FieldName),
        String(value),
      ]),
    ),
  };
  const services = ids.map((id, index) => {
    const isShipped = index < SHIPPED_NODES;
    const whole = {
      image: IMAGE,
      restart: 'no',
      ports: [`127.0.0.1:${ports[index]}:${PORT}`],
      volumes: [`${id}:/data`],
      environment: {
        WALSHIP_ANONYMOUS: 'admin',
        WALSHIP_INITIAL_LEADER: 'n1',
        WALSHIP_UNSAFE_DRILL_FAULTS: '/data',
        ...environment,
        WALSHIP_NODE: id,
      },
    };
    return [id, isShipped ? { environment } : whole];
  });
  const volumes = Object.fromEntries(ids.map((id) => [id, {}]));
  return JSON.stringify({ services: Object.fromEntries(services), volumes }, null, 2);
}

/** Returns the variables from which compose.yml takes the ports of its nodes. */
export function portVariables(ports: readonly number[]): Readonly<Record<string, string>> {
  const shipped = ports.slice(0, SHIPPED_NODES);
  return Object.fromEntries(shipped.map((port, index) => [`PORT_N${index + 1}`, String(port)]));
}
