import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, type JWK, type JWTPayload, SignJWT } from 'jose';

interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function signingKey(alg: 'RS256' | 'ES256' | 'EdDSA' = 'ES256'): SigningKey {
  const pair =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : alg === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519');
  return { kid: randomUUID(), alg, ...pair };
}

/** An issuer of tokens with its keys behind a URL of its own. */
export interface TokenIssuer {
  readonly url: string;
  /** Requests for the keys so far. */
  readonly requests: number;
  /** What it answers from now on; 200 by default. */
  status: number;
  /** The key that signs now. */
  readonly key: SigningKey;
  /** Puts a new key in the place of the old one. */
  rotate(alg?: 'RS256' | 'ES256' | 'EdDSA'): void;
  /** Signs with the key of now, or another; seconds since the Unix epoch in `exp` and `nbf`. */
  sign(claims: JWTPayload, by?: SigningKey): Promise<string>;
  close(): Promise<void>;
}

export async function tokenIssuer(): Promise<TokenIssuer> {
  let key = signingKey();
  let requests = 0;
  const server = http.createServer((_request, response) => {
    requests++;
    exportJWK(key.publicKey).then((jwk: JWK) => {
      response.writeHead(issuer.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys: [{ ...jwk, kid: key.kid, alg: key.alg, use: 'sig' }] }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer: TokenIssuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    status: 200,
    get requests() {
      return requests;
    },
    get key() {
      return key;
    },
    rotate(alg) {
      key = signingKey(alg);
    },
    sign: (claims, by = key) =>
      new SignJWT(claims).setProtectedHeader({ alg: by.alg, kid: by.kid }).sign(by.privateKey),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return issuer;
}
