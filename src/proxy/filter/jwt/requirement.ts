// What tokens a request must show: of one provider, of any, of all; whether it may show none.
import type { JwtRequirement } from '../../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { at, ConfigError, mapAt } from '../../config/config-error.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { FilterScope } from '../filter.ts';
import type { Location } from './locations.ts';
import type { Provider } from './provider.ts';
import { status } from './status.ts';
import { parseToken, type Token } from './token.ts';

/** '' when the requirement is met. Without a promise where nothing has to be waited for. */
export type Requirement = (exchange: Exchange, scope: FilterScope) => string | Promise<string>;

type Lenience = 'none' | 'missing' | 'missing-or-failed';

const DEEPEST = 16;

export function compileRequirement(
  requirement: JwtRequirement,
  providers: ReadonlyMap<string, Provider>,
  path: string,
  depth = 0,
): Requirement {
  if (depth > DEEPEST) throw new ConfigError(path, `is nested deeper than ${DEEPEST}`);
  const { requiresType: type } = requirement;
  const named = (name: string, here: string): Provider => {
    const provider = providers.get(name);
    if (provider === undefined) throw new ConfigError(here, `there is no provider ${name}`);
    return provider;
  };
  switch (type.case) {
    case 'providerName': {
      const provider = named(type.value, at(path, 'provider_name'));
      return ofProvider(provider, provider.audiences);
    }
    case 'providerAndAudiences': {
      const { providerName, audiences } = type.value;
      return ofProvider(named(providerName, at(path, 'provider_and_audiences.provider_name')), audiences);
    }
    case 'allowMissing':
      return ofAnyone([...providers.values()], 'missing');
    case 'allowMissingOrFailed':
      return ofAnyone([...providers.values()], 'missing-or-failed');
    case 'requiresAll': {
      const here = at(path, 'requires_all.requirements');
      return allOf(
        mapAt(atLeastTwo(type.value.requirements, here), here, (one, where) =>
          compileRequirement(one, providers, where, depth + 1),
        ),
      );
    }
    case 'requiresAny':
      return compileAny(type.value.requirements, providers, at(path, 'requires_any.requirements'), depth);
    case 'extractOnlyWithoutValidation':
      return extracting([...providers.values()]);
    case undefined:
      return () => status.ok;
    default:
      throw new ConfigError(path, 'is not supported');
  }
}

function atLeastTwo(list: readonly JwtRequirement[], path: string): readonly JwtRequirement[] {
  if (list.length < 2) throw new ConfigError(path, 'must have at least two');
  return list;
}

/** That a token may be missing is asked last, and of the providers named beside it only. */
function compileAny(
  list: readonly JwtRequirement[],
  providers: ReadonlyMap<string, Provider>,
  path: string,
  depth: number,
): Requirement {
  atLeastTwo(list, path);
  let lenience: Lenience = 'none';
  const others: Requirement[] = [];
  const used = new Set<Provider>();
  list.forEach((one, index) => {
    const kind = one.requiresType.case;
    if (kind === 'allowMissingOrFailed') lenience = 'missing-or-failed';
    else if (kind === 'allowMissing') lenience = lenience === 'none' ? 'missing' : lenience;
    else {
      others.push(compileRequirement(one, providers, `${path}[${index}]`, depth + 1));
      for (const provider of providersIn(one, providers)) used.add(provider);
    }
  });
  return anyOf(lenience === 'none' ? others : [...others, ofAnyone([...used], lenience)]);
}

function providersIn({ requiresType: type }: JwtRequirement, providers: ReadonlyMap<string, Provider>): Provider[] {
  const named = (name: string) => [providers.get(name)].filter((provider) => provider !== undefined);
  switch (type.case) {
    case 'providerName':
      return named(type.value);
    case 'providerAndAudiences':
      return named(type.value.providerName);
    case 'requiresAny':
    case 'requiresAll':
      return type.value.requirements.flatMap((one) => providersIn(one, providers));
    default:
      return [];
  }
}

/** Every token at the provider's places must be good: one that is not could be the one the application looks at. */
function ofProvider(provider: Provider, audiences: readonly string[]): Requirement {
  return (exchange, scope) => {
    const tokens = find(provider.locations, exchange);
    if (tokens.length === 0) return status.missing;
    return inTurn(tokens, (found) =>
      then(provider.verify(found.text, audiences, scope), (outcome) => accept(provider, exchange, found, outcome)),
    );
  };
}

const UNVERIFIED = 'x-jwt-signature-verified';

/** Every request passes; one whose token is not good says so. */
function extracting(providers: readonly Provider[]): Requirement {
  const verify = ofAnyone(providers, 'missing');
  return (exchange, scope) =>
    then(verify(exchange, scope), (outcome) => {
      if (outcome !== status.ok) exchange.request.headers.set(UNVERIFIED, 'false');
      return status.ok;
    });
}

function locationsOf(providers: readonly Provider[]): readonly Location[] {
  return [...new Map(providers.flatMap((one) => one.locations).map((one) => [one.key, one])).values()];
}

function ofIssuer(providers: readonly Provider[], token: Token): Provider | undefined {
  return providers.find(({ issuer }) => issuer === token.issuer) ?? providers.find(({ issuer }) => issuer === '');
}

/** Tokens of any of the providers, told apart by their issuer. */
function ofAnyone(providers: readonly Provider[], lenience: Lenience): Requirement {
  const locations = locationsOf(providers);
  return (exchange, scope) => {
    const checked = inTurn(find(locations, exchange), (found) => {
      const token = parseToken(found.text);
      if (typeof token === 'string') return token;
      const provider = ofIssuer(providers, token);
      if (provider === undefined || !provider.locations.some(({ key }) => key === found.location.key))
        return status.unknownIssuer;
      return then(provider.verify(found.text, provider.audiences, scope, token), (outcome) =>
        accept(provider, exchange, found, outcome),
      );
    });
    return lenience === 'missing-or-failed' ? then(checked, () => status.ok) : checked;
  };
}

type Found = { readonly text: string; readonly location: Location };

function find(locations: readonly Location[], { request }: Exchange): Found[] {
  const found: Found[] = [];
  for (const location of locations) {
    const text = location.find(request);
    if (text !== undefined) found.push({ text, location });
  }
  return found;
}

function accept(provider: Provider, exchange: Exchange, found: Found, outcome: Token | string): string {
  if (typeof outcome === 'string') {
    provider.noteFailure(exchange, outcome);
    return outcome;
  }
  provider.passOn(exchange, outcome, found.location);
  return status.ok;
}

function allOf(requirements: readonly Requirement[]): Requirement {
  return (exchange, scope) => inTurn(requirements, (one) => one(exchange, scope));
}

/** Of several failures the one that says more than that a token is missing, or is somebody else's. */
function anyOf(requirements: readonly Requirement[]): Requirement {
  return (exchange, scope) => {
    const from = (index: number, worst: string): string | Promise<string> => {
      const requirement = requirements[index];
      if (requirement === undefined) return worst;
      return then(requirement(exchange, scope), (outcome) => {
        if (outcome === status.ok) return outcome;
        return from(index + 1, telling(outcome) || !telling(worst) ? outcome : worst);
      });
    };
    return from(0, status.missing);
  };
}

function telling(outcome: string): boolean {
  return outcome !== status.missing && outcome !== status.unknownIssuer;
}

/** The first that is not ''. */
function inTurn<One>(
  list: readonly One[],
  check: (one: One) => string | Promise<string>,
  from = 0,
): string | Promise<string> {
  for (let i = from; i < list.length; i++) {
    const outcome = check(list[i]!);
    if (typeof outcome !== 'string')
      return outcome.then((settled) => (settled === status.ok ? inTurn(list, check, i + 1) : settled));
    if (outcome !== status.ok) return outcome;
  }
  return status.ok;
}

function then<From, To>(value: From | Promise<From>, next: (value: From) => To | Promise<To>): To | Promise<To> {
  return value instanceof Promise ? value.then(next) : next(value);
}
