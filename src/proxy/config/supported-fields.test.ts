import type { DescMessage } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { registry } from '../testing/resources.ts';
import { supportedFields } from './supported-fields.ts';

describe('supported fields', () => {
  const messages = [ListenerSchema, ClusterSchema, RouteConfigurationSchema, SecretSchema, ClusterLoadAssignmentSchema];
  const known = new Map<string, DescMessage>();
  const visit = (message: DescMessage): void => {
    if (known.has(message.typeName)) return;
    known.set(message.typeName, message);
    for (const { message: nested } of message.fields) if (nested) visit(nested);
  };
  for (const message of [...messages, ...registry]) if (message.kind === 'message') visit(message);

  test.each([...supportedFields])('%s', (typeName, fields) => {
    const names = known.get(typeName)?.fields.map(({ name }) => name) ?? [];
    // Types that stand only in an Any that is not in this registry have no names here.
    if (names.length > 0) expect([...fields].filter((field) => !names.includes(field))).toEqual([]);
    else expect(typeName).toMatch(/FileAccessLog|StderrAccessLog|RBACPerRoute|FilterConfig|PreviousHosts/);
  });
});
