// A connection of a client of whom nothing is known.

import type { Downstream } from '../../src/proxy/http/exchange.ts';

const nowhere = { address: '', port: 0 };

export const nobody: Downstream = {
  id: 1,
  remote: nowhere,
  directRemote: nowhere,
  local: nowhere,
  restored: false,
  fingerprints: null,
  proxyTlvs: [],
  handshakeFailure: '',
  metadata: null,
  filterState: null,
  tls: null,
  serverName: '',
  listener: { name: '', chain: '', direction: 'unspecified', metadata: {} },
};
