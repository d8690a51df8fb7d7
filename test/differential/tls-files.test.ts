// Certificates in files: new ones serve the next handshake, and connections that are there go on.
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import type { CertificateFiles } from './harness/case.ts';
import { type ConnectionStand, compareConnections } from './harness/connections.ts';

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';
const TLS = `${EXTENSIONS}.transport_sockets.tls.v3`;

const listener = (common: string, fields = '') =>
  `filter_chains: [{ filters: [{ name: tcp, typed_config: { "@type": ${EXTENSIONS}.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: a } }], transport_socket: { name: tls, typed_config: { "@type": ${TLS}.DownstreamTlsContext, ${fields}common_tls_context: { ${common} } } } }]`;
const source = (folder: string) =>
  `sds_config: { path_config_source: { path: <folder>/${folder}/sds.yaml, watched_directory: { path: <folder>/${folder} } } }`;

/** A secret whose pair is in `folder/live`. */
function ownSecret(folder: string, name: string): string {
  const live = join(folder, name);
  return JSON.stringify({
    resources: [
      {
        '@type': `${TLS}.Secret`,
        name: 'own',
        tls_certificate: {
          certificate_chain: { filename: join(live, 'tls.crt') },
          private_key: { filename: join(live, 'tls.key') },
          watched_directory: { path: live },
        },
      },
    ],
  });
}

/** As Kubernetes' atomic writer: a folder for each version, and one link to the newest that the names lead through. */
function swap(folder: string, version: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(folder, version), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, version, name), text);
  symlinkSync(version, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
}

const pair = (files: CertificateFiles, name: string) => ({ 'tls.crt': files[name]!, 'tls.key': files[`${name}-key`]! });

function prepare(folder: string, files: CertificateFiles): void {
  const live = (name: string, shown: string) => {
    swap(join(folder, name), '..1', pair(files, shown));
    for (const file of ['tls.crt', 'tls.key']) symlinkSync(`..data/${file}`, join(folder, name, file));
  };
  live('live', 'server');
  live('other', 'web');
  for (const name of ['sds', 'sds-swapped', 'trust']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'sds', 'sds.yaml'), ownSecret(folder, 'live'));
  swap(join(folder, 'sds-swapped'), '..1', { 'sds.yaml': ownSecret(folder, 'other') });
  symlinkSync('..data/sds.yaml', join(folder, 'sds-swapped', 'sds.yaml'));
}

class Client {
  readonly #socket: TLSSocket;
  #heard = '';
  #secure = false;

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    this.#socket.on('data', (bytes: Buffer) => {
      this.#heard += bytes.toString('latin1');
    });
    this.#socket.once('secureConnect', () => {
      this.#secure = true;
    });
    this.#socket.on('error', () => this.#socket.destroy());
  }

  /** The names in the certificate it was shown; '' when there was no handshake. */
  async shown(): Promise<string> {
    await waitFor('handshake', () => this.#secure || this.#socket.destroyed);
    return this.#socket.getPeerX509Certificate()?.subjectAltName ?? '';
  }

  async echoes(word: string): Promise<boolean> {
    this.#socket.write(word);
    await waitFor('echo', () => this.#heard.includes(word) || this.#socket.destroyed);
    return this.#heard.includes(word);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** What a client is shown before and, some time after `change`, by whom its connection still goes. */
async function changed(stand: ConnectionStand, name: string, change: () => void, wanted: string) {
  const port = stand.port(name);
  const first = new Client(port);
  const before = await first.shown();
  await first.echoes('one');
  change();
  await waitFor(`${wanted} to be shown`, async () => {
    const next = new Client(port);
    const shown = await next.shown();
    next.close();
    return shown.includes(wanted);
  });
  const goesOn = await first.echoes('two');
  first.close();
  return { before, goesOn };
}

compareConnections({
  name: 'certificates in files',
  certificates: true,
  prepare,
  listeners: {
    files: listener(`tls_certificate_sds_secret_configs: [{ name: own, ${source('sds')} }]`),
    document: listener(`tls_certificate_sds_secret_configs: [{ name: own, ${source('sds-swapped')} }]`),
  },
  cases: [
    {
      name: 'a link to a new pair is swapped',
      run: (stand) =>
        changed(stand, 'files', () => swap(join(stand.folder, 'live'), '..2', pair(stand.files, 'wild')), 'wild.test'),
      wants: { before: expect.stringContaining('DNS:server.test'), goesOn: true },
    },
    {
      name: 'and once more',
      run: (stand) =>
        changed(stand, 'files', () => swap(join(stand.folder, 'live'), '..3', pair(stand.files, 'web')), 'web.test'),
      wants: { before: 'DNS:*.wild.test', goesOn: true },
    },
    {
      name: 'a link to a document that names another pair is swapped',
      run: (stand) => {
        const folder = join(stand.folder, 'sds-swapped');
        return changed(
          stand,
          'document',
          () => swap(folder, '..2', { 'sds.yaml': ownSecret(stand.folder, 'live') }),
          'web.test',
        );
      },
      wants: { goesOn: true },
    },
  ],
});
