// A connection of a client of whom nothing is known: what connections that come from elsewhere than a listener begin with.
import type { Downstream } from './exchange.ts';

const nowhere = { address: '', port: 0 };

export const nobody: Downstream = {
  id: 0,
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
