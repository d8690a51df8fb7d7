// Header edits at random, and formats.
import fc from 'fast-check';
import { name } from './words.ts';

/** Of what is known of every request, and the same at two proxies. */
export const format = fc.constantFrom(
  'v',
  '',
  '%REQ(X-A)%',
  '%REQ(X-B?X-A)%',
  '%REQ(:PATH)%',
  '100%%',
  '%PROTOCOL%',
  '%ROUTE_NAME%',
  '%REQ(X-A):1%',
  '%REQ(:AUTHORITY)%/%REQ(:METHOD)%',
  '%QUERY_PARAM(p)%',
  '%QUERY_PARAM(q):1%',
  '%PATH(NQ:ORIG)%',
  '%PATH(WQ:ORIG_OR_PATH)%',
  '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  '%METADATA(ROUTE:ns:k)%',
  '%METADATA(ROUTE:ns)%',
  '%CEL(request.url_path)%-%CEL(size(request.headers))%',
  '%CEL(xds.route_name)%',
  '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
);

/** What a response can tell beside. */
const responseFormat = fc.oneof(
  { weight: 2, arbitrary: format },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '%RESP(X-R)%',
      '%RESP(X-UPSTREAM)%:%RESP(X-R?X-UPSTREAM):1%',
      '%RESP(:STATUS)%',
      '%RESPONSE_CODE_DETAILS%',
      '%RESPONSE_FLAGS%',
      '%CEL(response.headers[":status"])%',
      '%BYTES_RECEIVED%',
    ),
  },
);

const addition = (value: fc.Arbitrary<string>) =>
  fc
    .tuple(
      name,
      value,
      fc.constantFrom('APPEND_IF_EXISTS_OR_ADD', 'ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS_OR_ADD', 'OVERWRITE_IF_EXISTS'),
      fc.boolean(),
    )
    .map(([key, text, append_action, keep_empty_value]) => ({
      header: { key, value: text },
      append_action,
      keep_empty_value,
    }));

export const edits = fc.record({
  request_headers_to_add: fc.array(addition(format), { maxLength: 2 }),
  request_headers_to_remove: fc.array(name, { maxLength: 1 }),
  response_headers_to_add: fc.array(addition(responseFormat), { maxLength: 2 }),
  response_headers_to_remove: fc.array(fc.oneof(name, fc.constant('x-r')), { maxLength: 1 }),
});
