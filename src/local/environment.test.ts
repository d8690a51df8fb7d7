import { expect, test } from 'vitest';
import { readAll } from '../read/registry.ts';
import { parseFile } from '../sources/document.ts';
import { applicationEnvironment } from './environment.ts';
import { layOut } from './layout.ts';
import { PortAllocator } from './ports.ts';

const mesh = `
apiVersion: v1
kind: Service
metadata: { name: price-list, namespace: shop }
spec: { selector: { app: price-list }, ports: [ { name: http, port: 80 }, { name: http-admin, port: 9000 } ] }
---
apiVersion: v1
kind: Service
metadata: { name: mail, namespace: office }
spec: { selector: { app: mail }, ports: [ { name: http, port: 80 } ] }
---
apiVersion: v1
kind: Service
metadata: { name: database, namespace: shop }
spec: { selector: { app: database }, ports: [ { name: tcp, port: 5432 } ] }
---
apiVersion: v1
kind: Service
metadata: { name: hidden, namespace: office, annotations: { networking.istio.io/exportTo: . } }
spec: { selector: { app: mail }, ports: [ { name: http, port: 80 } ] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop, annotations: { tulle.dev/command: web } }
spec:
  template:
    metadata: { labels: { app: web, version: v3 } }
    spec:
      containers:
        - name: web
          ports: [ { name: http, containerPort: 8080 }, { name: metrics, containerPort: 9090 } ]
          env: [ { name: PORT, value: "8080" }, { name: MAIL_OFFICE_URL, value: "http://fake" }, { name: COLOUR, value: red } ]
`;

async function environmentOf(text: string, grpcBootstrap: string | null = null): Promise<Record<string, string>> {
  const { fragment } = readAll(parseFile('mesh.yaml', text).objects);
  const ports = new PortAllocator('127.0.0.1', {
    isFree: () => Promise.resolve(true),
    hold: () => Promise.resolve(() => {}),
  });
  const defaults = { host: '127.0.0.1', trustDomain: 'cluster.local', dataPlane: 'tulle' as const };
  const { replicas } = await layOut(fragment, ports, defaults);
  const { workload, instance } = replicas[0]!;
  const direct = () => ({ host: '127.0.0.1', port: instance.ports[0]!.application.port });
  return applicationEnvironment({ workload, instance, services: fragment.services, direct, grpcBootstrap });
}

test('an application is told its ports, its proxy and every service', async () => {
  expect(await environmentOf(mesh)).toEqual({
    // What only Tulle knows wins over the container's own environment, which wins over the services.
    PORT: '21001',
    PORT_HTTP: '21001',
    PORT_METRICS: '21003',
    MAIL_OFFICE_URL: 'http://fake',
    COLOUR: 'red',
    PRICE_LIST_URL: 'http://127.0.0.1:21008',
    PRICE_LIST_SERVICE_HOST: '127.0.0.1',
    PRICE_LIST_SERVICE_PORT: '21008',
    PRICE_LIST_HTTP_URL: 'http://127.0.0.1:21008',
    PRICE_LIST_HTTP_ADMIN_URL: 'http://127.0.0.1:21009',
    MAIL_OFFICE_SERVICE_HOST: '127.0.0.1',
    MAIL_OFFICE_SERVICE_PORT: '21007',
    // Raw TCP has no local listener: it is reached directly.
    DATABASE_URL: 'http://127.0.0.1:21001',
    DATABASE_SERVICE_HOST: '127.0.0.1',
    DATABASE_SERVICE_PORT: '21001',
    HTTP_PROXY: 'http://127.0.0.1:21006',
    http_proxy: 'http://127.0.0.1:21006',
    NO_PROXY: 'localhost,127.0.0.1,::1',
    no_proxy: 'localhost,127.0.0.1,::1',
    TULLE_WORKLOAD: 'web',
    TULLE_NAMESPACE: 'shop',
    TULLE_INSTANCE: 'web-0',
    TULLE_VERSION: 'v3',
  });
});

test('without a proxy services are reached directly and nothing is a proxy', async () => {
  const environment = await environmentOf(mesh.replace('command: web }', 'command: web, tulle.dev/data-plane: none }'));
  expect(environment.PRICE_LIST_URL).toBe('http://127.0.0.1:21001');
  expect(Object.keys(environment).filter((name) => /proxy/i.test(name))).toEqual([]);
});

test('a proxyless gRPC client is told where its bootstrap is, and of no proxy', async () => {
  const environment = await environmentOf(
    mesh.replace('tulle.dev/command: web', 'tulle.dev/command: web, tulle.dev/data-plane: proxyless'),
    '/state/web.json',
  );
  expect(environment).toMatchObject({ GRPC_XDS_BOOTSTRAP: '/state/web.json' });
  expect(environment).not.toHaveProperty('HTTP_PROXY');
});
