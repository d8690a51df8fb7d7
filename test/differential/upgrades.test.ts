// Requests that would switch protocols: who may, and which filters they pass.
import { type Case, get, type Wants } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http';
const ROUTER = `{ name: router, typed_config: { '@type': ${TYPE}.router.v3.Router } }`;
/** Names the chain to the upstream and to the client. */
const marked = (name: string) =>
  `{ name: mark, typed_config: { '@type': ${TYPE}.header_mutation.v3.HeaderMutation, mutations: { request_mutations: [{ append: { header: { key: x-chain, value: ${name} } } }], response_mutations: [{ append: { header: { key: x-back, value: ${name} } } }] } } }`;
const OPTION = 'test.option';
const optional = `{ name: ${OPTION}, disabled: true, typed_config: { '@type': ${TYPE}.header_mutation.v3.HeaderMutation, mutations: { request_mutations: [{ append: { header: { key: x-option, value: on } } }] } } }`;
const ENABLED = `typed_per_filter_config: { ${OPTION}: { '@type': ${TYPE}.header_mutation.v3.HeaderMutationPerRoute, mutations: {} } }`;

const upgrade = (type: string, path: string, wants: Wants): Case => ({
  name: `${type} to ${path}`,
  send: get(path, 'connection: upgrade', `upgrade: ${type}`),
  closes: true,
  wants,
});
const passed = (chain: string): Wants => ({
  status: 200,
  headers: { 'x-back': chain },
  seen: { headers: { 'x-chain': chain } },
});
const refused: Wants = { status: 403, headers: { 'x-back': 'plain' }, reached: [] };

compareWithEnvoy({
  name: 'upgrades',
  listeners: {
    front: {
      manager: `{ http_filters: [${marked('plain')}, ${ROUTER}], upgrade_configs: [
  { upgrade_type: SPDY, filters: [${optional}, ${marked('own')}, ${ROUTER}] },
  { upgrade_type: Plain },
  { upgrade_type: off, enabled: false },
  { upgrade_type: off-own, enabled: false, filters: [${marked('own')}, ${ROUTER}] } ] }`,
    },
  },
  virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - { match: { path: /never }, route: { cluster: a, upgrade_configs: [{ upgrade_type: spdy, enabled: false }, { upgrade_type: plain, enabled: false }] } }
  - { match: { path: /always }, route: { cluster: a, upgrade_configs: [{ upgrade_type: Off, enabled: true }, { upgrade_type: off-own }, { upgrade_type: unknown }] } }
  - { match: { path: /option }, route: { cluster: a }, ${ENABLED} }
  - { match: { prefix: / }, route: { cluster: a } }`,
  cases: [
    { name: 'no upgrade', send: get('/'), wants: passed('plain') },
    upgrade('spdy', '/', passed('own')),

    upgrade('plain', '/', passed('plain')),
    upgrade('off', '/', refused),
    upgrade('off-own', '/', refused),
    upgrade('unknown', '/', refused),
    upgrade('spdy', '/never', refused),
    upgrade('plain', '/never', refused),
    upgrade('off', '/always', passed('plain')),
    upgrade('off-own', '/always', passed('own')),
    upgrade('unknown', '/always', passed('plain')),
    upgrade('spdy', '/option', { ...passed('own'), seen: { headers: { 'x-chain': 'own', 'x-option': 'on' } } }),
    { name: 'no upgrade, with the option of another chain', send: get('/option'), wants: passed('plain') },
  ],
});
