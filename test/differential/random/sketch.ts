// Virtual hosts and requests drawn at random.
import fc from 'fast-check';
import { action } from './actions.ts';
import { edits } from './edits.ts';
import { match } from './matches.ts';
import { ownFilters, retryPolicy } from './policies.ts';
import { request, type SketchedRequest } from './requests.ts';
import { type Json, seldom } from './words.ts';

/** A virtual host without name and domains, and requests to it. */
export type Sketch = { readonly host: Json; readonly requests: readonly SketchedRequest[] };

const metadata = fc.constantFrom('v', 'w').map((k) => ({ metadata: { filter_metadata: { ns: { k } } } }));

const route = match.chain((chosen) =>
  fc
    .tuple(action(!('path_match_policy' in chosen)), edits, seldom(metadata), seldom(ownFilters))
    .map(([does, edit, ...more]) => Object.assign({ match: chosen }, does, edit, ...more) as Json),
);

const counts = fc.record({
  include_request_attempt_count: fc.boolean(),
  include_attempt_count_in_response: fc.boolean(),
});

export const sketch: fc.Arbitrary<Sketch> = fc
  .tuple(
    fc.array(route, { minLength: 1, maxLength: 5 }),
    edits,
    fc.array(request, { minLength: 1, maxLength: 6 }),
    counts,
    seldom(retryPolicy),
    seldom(ownFilters),
  )
  .map(([routes, edit, requests, ...more]) => ({
    host: Object.assign(
      { routes: routes.map((one, nth) => ({ name: `route-${nth}`, ...one })) },
      edit,
      ...more,
    ) as Json,
    requests,
  }));
