// Where the attempts of a request went, and over which connections, as access logs say.
import { expect, test } from 'vitest';
import { raw, respond } from '../support/upstream.ts';
import { type Case, get, type Suite } from './harness/case.ts';
import { compareWithEnvoy } from './harness/compare.ts';
import { fileLog, linesOf } from './harness/log-file.ts';
import { observe } from './harness/observation.ts';

const COMMANDS = [
  'UPSTREAM_HOSTS_ATTEMPTED',
  'UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT',
  'UPSTREAM_HOST_NAMES_ATTEMPTED',
  'UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT',
  'UPSTREAM_CONNECTION_ID',
  'UPSTREAM_CONNECTION_IDS_ATTEMPTED',
];
/** Envoy 1.40 forgets attempts before the last, and those that got no connection: it says only where an answer came from. */
type Attempted = readonly [hosts: string, names: string, connections: readonly number[]];

const members = COMMANDS.map((one) => `${one}: '%${one}%'`).join(', ');
const RETRY = 'retry_policy: { retry_on: "5xx,connect-failure,reset", num_retries: 2 }';
const AWAY = `retry_policy: { retry_on: "5xx,connect-failure", num_retries: 2, retry_priority: { name: envoy.retry_priorities.previous_priorities, typed_config: { '@type': type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig, update_frequency: 1 } } }`;

const suite: Suite = {
  name: 'attempts in access logs',
  listeners: {
    front: {
      manager: `access_log:${fileLog('attempts', `{json_format: {case: '%REQ(X-CASE)%', text: 'is %UPSTREAM_CONNECTION_ID%', ${members}}}`)}`,
    },
  },
  virtualHosts: `
- name: all
  domains: ['*']
  routes:
  - { match: { prefix: /direct }, direct_response: { status: 200 } }
  - { match: { prefix: /refused }, route: { cluster: refused, ${RETRY} } }
  - { match: { prefix: /away }, route: { cluster: ways, ${AWAY} } }
  - { match: { prefix: /empty }, route: { cluster: empty } }
  - { match: { prefix: /redirected }, route: { cluster: a, internal_redirect_policy: {} } }
  - { match: { prefix: / }, route: { cluster: a, ${RETRY} } }`,
  clusters: `
- name: ways
  type: STATIC
  connect_timeout: 1s
  load_assignment:
    cluster_name: ways
    endpoints:
    - { priority: 0, lb_endpoints: [{ endpoint: { hostname: first.test, address: { socket_address: { address: 127.0.0.1, port_value: <a> } } } }] }
    - { priority: 1, lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <b> } } } }] }`,
  cases: [],
};

const bad = respond({ status: 503 });
const [A, DEAD] = ['127.0.0.1:<a>', '127.0.0.1:<dead>'];
const CASES: readonly (Pick<Case, 'name' | 'send' | 'script'> & { readonly attempted?: Attempted })[] = [
  { name: 'one attempt', send: get('/') },
  {
    name: 'three over one connection',
    send: get('/'),
    script: { a: [bad, bad, respond({ status: 200 })] },
    attempted: [`${A},${A},${A}`, `${A},${A},${A}`, [0, 0, 0]],
  },
  {
    name: 'two over two connections',
    send: get('/'),
    script: { a: [raw('', 'close'), respond({ status: 200 })] },
    attempted: [`${A},${A}`, `${A},${A}`, [0, 1]],
  },
  {
    name: 'to another endpoint',
    send: get('/away'),
    script: { a: [bad] },
    attempted: [`${A},127.0.0.1:<b>`, 'first.test,127.0.0.1:<b>', [0, 1]],
  },
  {
    name: 'nobody listens',
    send: get('/refused'),
    attempted: [`${DEAD},${DEAD},${DEAD}`, `${DEAD},${DEAD},${DEAD}`, []],
  },
  { name: 'nobody to ask', send: get('/empty') },
  { name: 'a direct answer', send: get('/direct') },
  {
    name: 'an internal redirect',
    send: get('/redirected'),
    script: { a: [respond({ status: 302, headers: { location: 'http://mesh.test/' } })] },
  },
];

compareWithEnvoy(suite, (pair) => {
  test.each(CASES.map((one, index) => ({ ...one, id: `case-${index}` })))(
    '$name',
    async ({ id, attempted, ...one }) => {
      const { reference, ours } = pair();
      await Promise.all([reference, ours].map((stand) => observe(stand, { ...one, wants: { status: 0 } }, id)));
      const [theirs, mine] = await linesOf(pair(), 'attempts', id);
      const [envoy, tulle] = [said(theirs![0]!), said(mine![0]!)];
      expect(tulle.last).toEqual(envoy.last);
      if (attempted === undefined) expect(tulle).toEqual(envoy);
      else {
        const [hosts, names, connections] = attempted;
        const withoutPorts = (list: string) => list.replace(/:<\w+>/g, '');
        expect(tulle.lists).toEqual([hosts, withoutPorts(hosts), names, withoutPorts(names)]);
        expect(tulle.connections).toEqual(connections);
      }
    },
  );
});

/** Connections by which are the same: 0 is the first. */
function said(line: string) {
  const members = JSON.parse(line) as Record<string, string | number | null>;
  const { UPSTREAM_CONNECTION_ID: id, UPSTREAM_CONNECTION_IDS_ATTEMPTED: all, text, ...lists } = members;
  const ids = all === null ? [] : String(all).split(',');
  return {
    last: [typeof id, id === 0, text === `is ${id}`],
    lists: COMMANDS.slice(0, 4).map((name) => lists[name]),
    connections: ids.map((one) => ids.indexOf(one)),
    isLast: ids.at(-1) === String(id),
  };
}
