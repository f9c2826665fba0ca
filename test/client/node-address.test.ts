import { expect, test } from 'vitest';
import { parseNode, parseNodeAddress } from '../../src/client/node-address.ts';
import { ClusterClient } from '../../src/cli/cluster-client.ts';
import { connect } from '../../src/client/index.ts';

test.for([
  ['127.0.0.1:7401', '127.0.0.1:7401'],
  [' n1:7401 ', 'n1:7401'],
  ['[::1]:7401', '[::1]:7401'],
  ['http://n1:7401', 'n1:7401'],
  ['HTTP://n1:7401/', 'n1:7401'],
  ['ws://n1:7401', 'n1:7401'],
  ['n1', 'n1:80'],
  ['http://n1', 'n1:80'],
] as const)('"%s" is the node at %s, for programs and commands', ([text, address]) => {
  expect(parseNodeAddress(text)).toBe(address);
  expect(parseNode(`n7=${text}`)).toEqual({ nodeId: 'n7', address });
  expect(new ClusterClient([`n7=${text}`]).nodes).toEqual([{ nodeId: 'n7', address }]);
  expect(new ClusterClient([text]).urls).toEqual([`http://${address}`]);
});

test.for([
  ['https://n1:7401', /does not speak TLS/],
  ['HTTPS://n1:7401', /does not speak TLS/],
  ['wss://n1:7401', /does not speak TLS/],
  ['http://ann:secret@n1:7401', /without a user or a password/],
  ['https://ann:secret@n1:7401', /without a user or a password/],
  ['ws://:secret@n1:7401', /without a user or a password/],
  ['ann:secret@n1:7401', /without a user or a password/],
  ['secret@n1:7401', /without a user or a password/],
  ['http://@n1:7401', /without a user or a password/],
  ['http://ann:secret@', /not what was given/],
  ['ftp://n1:7401', /not "ftp:/],
  ['http://n1:7401/v1', /not "http:/],
  ['http://n1:7401?a', /not "http:/],
  ['http://n1:7401#a', /not "http:/],
  ['n1:port', /not "n1:port"/],
  ['', /not ""/],
] as const)('"%s" is refused before anything is sent', async ([text, message]) => {
  for (const use of [
    () => parseNodeAddress(text),
    () => parseNode(`n7=${text}`),
    () => new ClusterClient([text]),
    async () => void (await connect({ nodes: [text] })),
  ]) {
    const refused = expect(async () => use()).rejects;
    await refused.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
    await refused.not.toThrow(/secret/);
  }
});
