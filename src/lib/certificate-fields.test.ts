import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeAuthority, type TestAuthority } from '../../test/support/certificates.ts';
import { extensionOf, keyKindOf, maySign } from './certificate-fields.ts';

let authority: TestAuthority;
beforeAll(async () => {
  authority = await makeAuthority('mesh');
});

const derOf = async (request: Parameters<TestAuthority['issue']>[0]): Promise<Buffer> =>
  new X509Certificate((await authority.issue(request)).certificate).raw;

describe('what a certificate says of its key', () => {
  test('its kind', async () => {
    expect(keyKindOf(await derOf({ dns: ['a.test'] }))).toBe('2a8648ce3d030107');
    expect(keyKindOf(await derOf({ dns: ['a.test'], rsa: true }))).toBe('2a864886f70d010101');
  });

  test('whether it may sign', async () => {
    expect(maySign(await derOf({ dns: ['a.test'] }))).toBe(true);
    expect(maySign(await derOf({ dns: ['a.test'], signsNothing: true }))).toBe(false);
    expect(maySign(new X509Certificate(authority.certificate).raw)).toBe(false);
  });

  test('nothing that can be read', () => {
    for (const bytes of ['', '30', '3000', '300230003000'].map((hex) => Buffer.from(hex, 'hex'))) {
      expect([keyKindOf(bytes), extensionOf(bytes, '551d0f')]).toEqual(['', null]);
    }
  });
});
