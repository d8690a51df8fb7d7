// Endpoints that nobody describes.
import type { Assignment, EndpointConfig } from '../config/cluster-types.ts';

export const NO_ENDPOINTS: Assignment = {
  endpoints: [],
  overprovisioning: 140,
  weightedHealth: false,
  localityWeights: [],
  drops: [],
  staleAfter: 0,
};

export const ANY_ENDPOINT: Omit<EndpointConfig, 'address' | 'port'> = {
  moreAddresses: [],
  hostname: '',
  observabilityName: '',
  weight: 1,
  health: 'unknown',
  locality: '',
  priority: 0,
  metadata: {},
  check: { address: '', port: 0, hostname: '', disabled: false },
};
