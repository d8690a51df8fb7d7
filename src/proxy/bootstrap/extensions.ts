// `bootstrap_extensions` → nothing that runs: those that change nothing are taken, all others refused.
import type { Bootstrap } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { InternalListenerSchema } from '../../xds/gen/envoy/extensions/bootstrap/internal_listener/v3/internal_listener_pb.ts';
import { typeNameOf, unsupportedType } from '../config/any.ts';
import { BootstrapError } from './bootstrap-error.ts';

/** Istio's agent asks for it always; what it prepares, listeners and endpoints with internal addresses, is refused where it is used. */
const PREPARES_ONLY: ReadonlySet<string> = new Set([InternalListenerSchema.typeName]);

/** @throws BootstrapError, ConfigError */
export function readExtensions({ bootstrapExtensions }: Bootstrap): void {
  for (const [i, { typedConfig }] of bootstrapExtensions.entries()) {
    const here = `bootstrap_extensions[${i}].typed_config`;
    if (typedConfig === undefined) throw new BootstrapError(`${here}: is required`);
    if (!PREPARES_ONLY.has(typeNameOf(typedConfig))) throw unsupportedType(typedConfig, here);
  }
}
