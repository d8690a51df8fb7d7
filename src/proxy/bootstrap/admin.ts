// `admin` of the bootstrap → where the admin interface listens, and what it may be asked.
import { isFieldSet } from '@bufbuild/protobuf';
import { type Admin, AdminSchema } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { FileAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { unpack } from '../config/any.ts';
import { compileString, type StringTest } from '../route/match/string-matcher.ts';
import { BootstrapError } from './bootstrap-error.ts';

export type AdminPlace = { readonly address: string; readonly port: number } | { readonly path: string };
export type AdminConfig = AdminPlace & {
  /** By path and query, as they are asked for; null: everything may be. */
  readonly allows: StringTest | null;
};

/** The connections of the admin interface count for no limit of the process, and there is no profiler behind it. */
const read = new Set([
  'access_log',
  'access_log_path',
  'address',
  'allow_paths',
  'ignore_global_conn_limit',
  'profile_path',
]);

/** @throws BootstrapError, ConfigError */
export function readAdmin(admin: Admin | undefined): AdminConfig | null {
  if (admin === undefined) return null;
  const unread = AdminSchema.fields.find((field) => isFieldSet(admin, field) && !read.has(field.name));
  if (unread !== undefined) throw new BootstrapError(`admin.${unread.name}: not supported`);
  refuseLogs(admin);
  return { ...readPlace(admin), allows: readPaths(admin) };
}

function readPlace({ address: given }: Admin): AdminPlace {
  const address = given?.address;
  if (address?.case === 'pipe') return { path: address.value.path };
  if (address?.case !== 'socketAddress' || address.value.portSpecifier.case !== 'portValue') {
    throw new BootstrapError('admin.address: needs a pipe, or a socket_address with port_value');
  }
  return { address: address.value.address, port: address.value.portSpecifier.value };
}

function readPaths({ allowPaths }: Admin): StringTest | null {
  if (allowPaths.length === 0) return null;
  const tests = allowPaths.map((one, i) => compileString(one, `admin.allow_paths[${i}]`));
  return (path) => tests.some((test) => test(path));
}

const NOWHERE = '/dev/null';

/** Requests to the admin interface are not logged. */
function refuseLogs({ accessLog, accessLogPath }: Admin): void {
  const hint = `requests to admin are not logged (hint: leave it out, or ${NOWHERE})`;
  if (accessLogPath !== '' && accessLogPath !== NOWHERE) throw new BootstrapError(`admin.access_log_path: ${hint}`);
  for (const [i, { configType }] of accessLog.entries()) {
    const here = `admin.access_log[${i}].typed_config`;
    if (unpack(configType.value, FileAccessLogSchema, here).path !== NOWHERE)
      throw new BootstrapError(`${here}: ${hint}`);
  }
}
