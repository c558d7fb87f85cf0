import { describe, expect, test } from 'vitest';
import type { ClientCertificate } from '../kernel/call.ts';
import { type CertificateOptions, createCertificates } from './certificates.ts';
import { openedCall } from './testing/opened-call.ts';

const certificate = (uris: readonly string[], commonName = 'alice'): ClientCertificate => ({
  subject: commonName === '' ? 'O=Example\nOU=Tests' : `O=Example\nCN=${commonName}`,
  commonName,
  uris,
});

const identify = (from: ClientCertificate | undefined, options: Partial<CertificateOptions> = {}, presented?: string) =>
  createCertificates({ userFrom: 'spiffe', alone: false, ...options }).identify(openedCall({}, from), presented);

describe('client certificates', () => {
  const id = 'spiffe://example.org/ns/prod/sa/alice';

  test('name their user by the SPIFFE ID', () => {
    expect(identify(certificate([id]))).toEqual({ user: id, method: 'mtls', credential: id });
  });

  test.each([
    [[]],
    [['https://example.org/alice']],
    [[id, 'spiffe://example.org/bob']],
    [[id, 'https://example.org']],
    [['spiffe://example.org']],
    [['spiffe://example.org/']],
    [['spiffe:///alice']],
    [['spiffe://example.org/a/../b']],
    [['spiffe://example.org/a?b']],
    [['spiffe://EXAMPLE.org/a']],
    [['SPIFFE://example.org/a']],
    [['spiffe://user@example.org/a']],
    [['spiffe://example.org:1/a']],
  ])('%o is no SPIFFE certificate', (uris) => {
    expect(() => identify(certificate(uris))).toThrow('the credential is not valid');
  });

  test('name their user by the subject: its common name, else all of it', () => {
    const user = (from: ClientCertificate) => identify(from, { userFrom: 'subject' });
    expect(user(certificate([id]))).toMatchObject({ user: 'alice', method: 'mtls' });
    expect(user(certificate([], ''))).toMatchObject({ user: 'O=Example,OU=Tests' });
    expect(() => user({ subject: '', commonName: '', uris: [] })).toThrow('the credential is not valid');
  });

  test('say nothing where there are none', () => {
    expect(identify(undefined)).toBeUndefined();
  });

  test('leave a token that comes beside them to the sources of tokens, where there are any', () => {
    expect(identify(certificate([id]), {}, 'token')).toBeUndefined();
    expect(identify(certificate([id]), { alone: true }, 'sk-unused')).toMatchObject({ user: id });
  });
});
