// What an authorization rule is for, as an RBAC permission.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Predicate, RequestTerm } from '../model/policy.ts';
import { type Permission, PermissionSchema } from '../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { headerMatcher, stringMatcher } from './string-match.ts';

type Rule = NonNullable<MessageInitShape<typeof PermissionSchema>['rule']>;

/** `port` is the workload's: the port that the proxy itself listens on may be another. */
export function permission(predicate: Predicate<RequestTerm>, port: number): Permission {
  switch (predicate.kind) {
    case 'always':
      return anything;
    case 'all':
      if (predicate.of.length === 0) return anything;
      return of({ case: 'andRules', value: { rules: predicate.of.map((each) => permission(each, port)) } });
    case 'any':
      if (predicate.of.length === 0) return nothing;
      return of({ case: 'orRules', value: { rules: predicate.of.map((each) => permission(each, port)) } });
    case 'not':
      return of({ case: 'notRule', value: permission(predicate.of, port) });
    case 'term':
      return term(predicate.term, port);
  }
}

function term(asked: RequestTerm, port: number): Permission {
  switch (asked.kind) {
    case 'host':
      return header(':authority', asked.match, true);
    case 'method':
      return header(':method', asked.match, false);
    case 'header':
      return header(asked.name, asked.match, false);
    case 'path':
      return of({ case: 'urlPath', value: { rule: { case: 'path', value: stringMatcher(asked.match) } } });
    case 'port':
      return asked.port === port ? anything : nothing;
  }
}

const header = (name: string, match: (RequestTerm & { kind: 'header' })['match'], ignoreCase: boolean): Permission =>
  of({ case: 'header', value: headerMatcher({ name, match, invert: false }, ignoreCase) });

const of = (rule: Rule): Permission => create(PermissionSchema, { rule });

const anything = of({ case: 'any', value: true });
const nothing = of({ case: 'notRule', value: anything });
