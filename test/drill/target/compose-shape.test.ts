import { expect, test } from 'vitest';
import { composeShape, portVariables } from '../../../src/drill/target/compose-shape.ts';
import type { ClusterShape } from '../../../src/drill/target/target.ts';

const SHAPE: ClusterShape = {
  nodes: 4,
  quorum: 3,
  failover: 'auto',
  options: { segmentBytes: 65_536 },
};
const PORTS = [20_001, 20_002, 20_003, 20_004];

interface Service {
  readonly environment: Readonly<Record<string, string>>;
}

test('the three nodes of compose.yml are told the shape of the cluster, and nothing that they have from there', () => {
  const { services } = JSON.parse(composeShape(SHAPE, PORTS)) as {
    services: Record<string, Service>;
  };

  expect(services['n1']).toEqual({
    environment: {
      WALSHIP_PEERS: 'n1=n1:7401,n2=n2:7401,n3=n3:7401,n4=n4:7401',
      WALSHIP_QUORUM: '3',
      WALSHIP_FAILOVER: 'auto',
      WALSHIP_SEGMENT_BYTES: '65536',
    },
  });
  expect(portVariables(PORTS)).toEqual({ PORT_N1: '20001', PORT_N2: '20002', PORT_N3: '20003' });
});

test('a node beyond them is as they are', () => {
  const { services, volumes } = JSON.parse(composeShape(SHAPE, PORTS)) as {
    services: Record<string, Service>;
    volumes: object;
  };

  expect(services['n4']).toMatchObject({
    image: 'walship',
    restart: 'no',
    ports: ['127.0.0.1:20004:7401'],
    volumes: ['n4:/data'],
    environment: {
      WALSHIP_NODE: 'n4',
      WALSHIP_ANONYMOUS: 'admin',
      WALSHIP_UNSAFE_DRILL_FAULTS: '/data',
    },
  });
  expect(Object.keys(volumes)).toEqual(['n1', 'n2', 'n3', 'n4']);
});
