// AuthorizationPolicy → model AuthorizationPolicy. Closed by default: an ALLOW rule that cannot be applied as written allows nothing,
// a DENY rule loses the conditions that cannot be applied and so denies more.
import type { AuthorizationPolicy, AuthorizationRule, Predicate } from '../../model/policy.ts';
import type { Fields } from '../field/fields.ts';
import { oneOf } from '../field/values.ts';
import { all, always, any } from '../predicate.ts';
import { readOperation, readSource, readWhen } from './authorization-terms.ts';
import { ROOT_NAMESPACE, readSelector, readTargetRefs, targetOf } from './policy-target.ts';

export function readAuthorizationPolicy(root: Fields): AuthorizationPolicy | readonly AuthorizationPolicy[] | null {
  const target = targetOf(everywhere(root.source.namespace), null);
  // An empty spec is an ALLOW without rules: it allows nothing by itself.
  if (!root.has('spec')) return { target, action: 'allow', rules: [], origin: root.origin() };
  const read = root.object('spec', (spec) => ({ policies: readSpec(root, spec) }));
  return read === null ? { target, ...denyEverything(root) } : read.policies;
}

/** One policy for each thing it is about. */
function readSpec(root: Fields, spec: Fields): AuthorizationPolicy[] | null {
  const selector = readSelector(spec);
  const refers = spec.has('targetRefs') || spec.has('targetRef');
  const targets = refers ? readTargetRefs(spec) : [targetOf(everywhere(root.source.namespace), selector)];
  const lost = targets === null || spec.failed;
  const policy = readPolicy(root, spec, lost);
  if (policy === null) return null;
  const about = lost ? [targetOf(everywhere(root.source.namespace), null)] : targets;
  return about.map((target) => ({ target, ...policy }));
}

/** `lost`: it is not known what it is about, so that its whole namespace is closed. */
function readPolicy(root: Fields, spec: Fields, lost: boolean): Omit<AuthorizationPolicy, 'target'> | null {
  const action = spec.has('action') ? spec.get('action', oneOf('ALLOW', 'DENY', 'AUDIT', 'CUSTOM')) : 'ALLOW';
  spec.ignore('provider');
  if (lost) {
    spec.error('', 'invalid', 'what it is about cannot be read: its namespace refuses every request');
    spec.ignoreRest();
    return denyEverything(root);
  }
  switch (action) {
    case 'ALLOW':
      return { action: 'allow', rules: readRules(spec, 'allow'), origin: root.origin() };
    case 'DENY':
      return { action: 'deny', rules: readRules(spec, 'deny'), origin: root.origin() };
    case 'AUDIT':
      spec.warn('action', 'unsupported', 'AUDIT is not applied yet: the policy is left out');
      spec.ignoreRest();
      return null;
    case 'CUSTOM':
      spec.error('action', 'unsupported', 'CUSTOM is not applied yet: its workloads refuse every request', 'remove it');
      spec.ignoreRest();
      return denyEverything(root);
    default:
      spec.ignoreRest();
      return denyEverything(root);
  }
}

/** For what cannot be applied at all: what it wanted to forbid is not known, so everything is. */
function denyEverything(root: Fields): Omit<AuthorizationPolicy, 'target'> {
  const rule: AuthorizationRule = { who: always, what: always, origin: root.origin() };
  return { action: 'deny', rules: [rule], origin: root.origin() };
}

const everywhere = (namespace: string): string | null => (namespace === ROOT_NAMESPACE ? null : namespace);

function readRules(spec: Fields, action: 'allow' | 'deny'): AuthorizationRule[] {
  return spec.objects('rules', (rule) => readRule(rule, action)).filter((rule) => rule !== null);
}

function readRule(rule: Fields, action: 'allow' | 'deny'): AuthorizationRule | null {
  const namespace = rule.source.namespace;
  const sources = rule.objects('from', (from) =>
    from.requireObject('source', (source) => readSource(source, namespace)),
  );
  const operations = rule.objects('to', (to) => to.requireObject('operation', readOperation));
  const when = rule.objects('when', (condition) => readWhen(condition, namespace));
  if (rule.has('from') && sources.length === 0) rule.error('from', 'invalid', 'is empty');
  if (rule.has('to') && operations.length === 0) rule.error('to', 'invalid', 'is empty');
  const sound = rule.complete();
  if (!sound && action === 'allow') {
    rule.warn('', 'invalid', 'cannot be applied as written: the rule allows nothing');
    return null;
  }
  if (!sound) rule.warn('', 'invalid', 'cannot be applied as written: without those conditions the rule denies more');
  const who = [anyOf(sources), ...when.map((condition) => condition.who)];
  const what = [anyOf(operations), ...when.map((condition) => condition.what)];
  return { who: all(who), what: all(what), origin: rule.origin() };
}

/** Alternatives, of which one that could not be read may be anything. */
function anyOf<Term>(alternatives: readonly (Predicate<Term> | null)[]): Predicate<Term> {
  const known = alternatives.filter((item) => item !== null);
  const open = known.length < alternatives.length || known.length === 0;
  return open ? always : any(known);
}
