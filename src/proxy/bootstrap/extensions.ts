// `bootstrap_extensions` → nothing that runs: those that change nothing are taken, all others refused.
import type { Bootstrap } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { InternalListenerSchema } from '../../xds/gen/envoy/extensions/bootstrap/internal_listener/v3/internal_listener_pb.ts';
import { typeNameOf } from '../config/any.ts';
import { BootstrapError } from './bootstrap-error.ts';

/** Istio's agent asks for it always; what it prepares, listeners and endpoints with internal addresses, is refused where it is used. */
const PREPARES_ONLY: ReadonlySet<string> = new Set([InternalListenerSchema.typeName]);

/** @throws BootstrapError */
export function readExtensions({ bootstrapExtensions }: Bootstrap): void {
  for (const [i, { typedConfig }] of bootstrapExtensions.entries()) {
    const type = typedConfig === undefined ? '(none)' : typeNameOf(typedConfig);
    if (!PREPARES_ONLY.has(type))
      throw new BootstrapError(`bootstrap_extensions[${i}].typed_config: type ${type} is not supported`);
  }
}
