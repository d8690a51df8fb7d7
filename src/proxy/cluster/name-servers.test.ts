import { expect, test } from 'vitest';
import { completions, hostsNamed } from './name-servers.ts';

const HOSTS = `
127.0.0.1 localhost me # this machine
::1\tlocalhost
# 10.0.0.1 ghost
here 10.0.0.2 localhost`;

test.each([
  ['localhost', ['127.0.0.1', '::1']],
  ['me', ['127.0.0.1']],
  ['ghost', []],
  ['here', []],
])('the hosts file says of %s', (name, wants) => {
  expect(hostsNamed(name, HOSTS)).toEqual(wants);
});

const SEARCH = 'nameserver 10.0.0.10\nsearch shop.svc.test svc.test # ours\noptions edns0 ndots:2\n';

test.each([
  ['a short name', 'cart', SEARCH, ['cart.shop.svc.test', 'cart.svc.test', 'cart']],
  [
    'one with dots enough',
    'cart.other.svc',
    SEARCH,
    ['cart.other.svc', 'cart.other.svc.shop.svc.test', 'cart.other.svc.svc.test'],
  ],
  ['one that ends', 'cart.', SEARCH, ['cart.']],
  ['nothing to complete it by', 'cart', '', ['cart']],
  ['one dot is enough', 'cart.test', 'domain test', ['cart.test', 'cart.test.test']],
])('%s is asked for as', (_name, name, text, wants) => {
  expect(completions(name, text)).toEqual(wants);
});
