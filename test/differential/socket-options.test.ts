// Options of sockets, as the kernel shows them: keepalive of both sides, and an address that is bound before the machine has it.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { type ConnectionStand, compareConnections } from './harness/connections.ts';

const NETWORK = 'type.googleapis.com/envoy.extensions.filters.network';
const chain = (cluster: string) =>
  `filter_chains: [{ filters: [{ name: tcp, typed_config: { "@type": ${NETWORK}.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: ${cluster} } }] }]`;

/** Whether the sockets that `filter` means have a keepalive timer, and of about how many minutes. */
async function keepalive(filter: string): Promise<string> {
  const { stdout } = await promisify(execFile)('ss', ['-Htno', 'state', 'established', filter]);
  const [, minutes = '', seconds = ''] = /timer:\(keepalive,(?:(\d+)min)?(?:([\d.]+)sec)?/.exec(stdout) ?? [];
  if (minutes + seconds === '') return 'none';
  return `${Math.ceil(Number(minutes) + Number(seconds) / 60)} min`;
}

/** Of one side of a connection while it is there. */
function timerOf(listener: string, filter: (stand: ConnectionStand) => string) {
  return async (stand: ConnectionStand) => {
    const socket = connect(stand.port(listener), '127.0.0.1');
    try {
      socket.write('x');
      await once(socket, 'data');
      return await keepalive(filter(stand));
    } finally {
      socket.destroy();
    }
  };
}

const accepted = (listener: string) => timerOf(listener, (stand) => `( sport = :${stand.port(listener)} )`);

compareConnections({
  name: 'socket options',
  listeners: {
    plain: chain('a'),
    kept: `tcp_keepalive: { keepalive_time: 290, keepalive_interval: 20, keepalive_probes: 3 }\n${chain('a')}`,
    given: `socket_options: [{ level: 1, name: 9, int_value: 1 }, { level: 6, name: 4, int_value: 170 }]\n${chain('a')}`,
    far: `address: { socket_address: { address: 192.0.2.77, port_value: <far> } }\nfreebind: true\n${chain('a')}`,
    upstream: chain('alive'),
  },
  clusters: `[{ name: alive, type: STATIC, connect_timeout: 1s, upstream_connection_options: { tcp_keepalive: { keepalive_time: 410 } }, load_assignment: { cluster_name: alive, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: <b> } } } }] }] } }]`,
  cases: [
    { name: 'no keepalive', run: accepted('plain'), wants: 'none' },
    { name: 'keepalive', run: accepted('kept'), wants: '5 min' },
    { name: 'options by number', run: accepted('given'), wants: '3 min' },
    {
      name: 'keepalive towards endpoints',
      run: timerOf('upstream', (s) => `( dport = :${s.port('b')} )`),
      wants: '7 min',
    },
    {
      name: 'an address that is not there yet is listened on',
      async run(stand) {
        const { stdout } = await promisify(execFile)('ss', ['-Htln', `( sport = :${stand.port('far')} )`]);
        return stdout.includes(`192.0.2.77:${stand.port('far')}`);
      },
      wants: true,
    },
  ],
});
