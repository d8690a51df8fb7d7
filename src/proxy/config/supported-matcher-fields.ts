// Which fields of the generic matcher, and of what it is made of, this proxy implements: see supported-fields.ts.

const MATCHER = 'xds.type.matcher.v3.Matcher';
const NETWORK = 'envoy.extensions.matching.common_inputs.network.v3';

export const matcherFields: Readonly<Record<string, string>> = {
  [MATCHER]: 'matcher_list matcher_tree on_no_match',
  [`${MATCHER}.OnMatch`]: 'matcher action',
  [`${MATCHER}.MatcherList`]: 'matchers',
  [`${MATCHER}.MatcherList.FieldMatcher`]: 'predicate on_match',
  [`${MATCHER}.MatcherList.Predicate`]: 'single_predicate or_matcher and_matcher not_matcher',
  [`${MATCHER}.MatcherList.Predicate.PredicateList`]: 'predicate',
  [`${MATCHER}.MatcherList.Predicate.SinglePredicate`]: 'input value_match custom_match',
  [`${MATCHER}.MatcherTree`]: 'input exact_match_map prefix_match_map custom_match',
  [`${MATCHER}.MatcherTree.MatchMap`]: 'map',
  'xds.type.matcher.v3.StringMatcher': 'exact prefix suffix safe_regex contains ignore_case',
  'xds.type.matcher.v3.RegexMatcher': 'regex google_re2',
  'xds.type.matcher.v3.IPMatcher': 'range_matchers',
  'xds.type.matcher.v3.IPMatcher.IPRangeMatcher': 'ranges on_match exclusive',
  'xds.type.matcher.v3.ServerNameMatcher': 'domain_matchers',
  'xds.type.matcher.v3.ServerNameMatcher.DomainMatcher': 'domains on_match',
  'google.protobuf.StringValue': 'value',
  'xds.core.v3.CidrRange': 'address_prefix prefix_len',
  'xds.core.v3.TypedExtensionConfig': 'name typed_config',
  'envoy.extensions.matching.input_matchers.ip.v3.Ip': 'cidr_ranges stat_prefix',
  'envoy.extensions.matching.input_matchers.metadata.v3.Metadata': 'value invert',
  'envoy.extensions.matching.input_matchers.runtime_fraction.v3.RuntimeFraction': 'runtime_fraction seed',
  'envoy.extensions.matching.input_matchers.consistent_hashing.v3.ConsistentHashing': 'threshold modulo seed',
  'envoy.extensions.matching.common_inputs.environment_variable.v3.Config': 'name',
  'xds.type.matcher.v3.CelMatcher': 'expr_match description',
  'xds.type.v3.CelExpression': 'parsed_expr checked_expr cel_expr_parsed cel_expr_checked',
  'envoy.type.matcher.v3.HttpRequestHeaderMatchInput': 'header_name',
  [`${NETWORK}.FilterStateInput`]: 'key',
  [`${NETWORK}.DynamicMetadataInput`]: 'filter path',
  [`${NETWORK}.DynamicMetadataInput.PathSegment`]: 'key',
};
