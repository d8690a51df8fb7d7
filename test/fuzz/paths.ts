// Paths of requests: URI templates compile or are refused with a reason, and match in linear time; what is normalised stays as it is when it is
// normalised again, and holds no step upwards.
import { ConfigError } from '../../src/proxy/config/config-error.ts';
import { queryValue } from '../../src/proxy/route/match/query.ts';
import { compileUriTemplate } from '../../src/proxy/route/match/uri-template.ts';
import { normalizePath } from '../../src/proxy/router/normalize-path.ts';
import type { Target } from './target.ts';

/** A template, a rewrite and a path, each on a line of its own. */
export const uriTemplate: Target = {
  name: 'uri-template',
  run(input) {
    const [template = '', rewrite = '', path = ''] = input.toString('latin1').split('\n');
    try {
      const compiled = compileUriTemplate(template, 'template');
      const rewritten = compiled.rewrite(rewrite, 'rewrite');
      if (!/[*{}]/.test(template) && !compiled.matches(template))
        throw new Error('a plain template does not match itself');
      if (compiled.matches(path) && !rewritten(path).startsWith('/')) throw new Error('rewritten to what is no path');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
    }
  },
};

const RULES = { normalizePath: true, mergeSlashes: true, escapedSlashes: 'keep' } as const;

export const path: Target = {
  name: 'path',
  run(input) {
    const target = `/${input.toString('latin1')}`;
    queryValue(target, 'a');
    const once = normalizePath(target, RULES);
    if (once === null) return;
    const [plain = ''] = once.split('?', 1);
    if (!plain.startsWith('/')) throw new Error(`${JSON.stringify(plain)} is no path`);
    if (/\/\.\.?(\/|$)|\/\/|\\/.test(plain)) throw new Error(`${JSON.stringify(plain)} is not normalised`);
  },
};
