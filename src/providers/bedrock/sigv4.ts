import { createHash, createHmac } from 'node:crypto';
import type { SignatureV4, SignatureV4CryptoInit, SignatureV4Init } from '@smithy/signature-v4';
import type { ProviderSettings } from '../../kernel/adapter.ts';
import { Fault } from '../../kernel/fault.ts';
import type { SignRequest } from '../../kernel/upstream.ts';

type Fetch = Extract<SignatureV4Init['credentials'], (...args: never[]) => unknown>;
type Credentials = SignatureV4Init['credentials'];

/** The digest that the signer is made with, by Node's own crypto. */
class Sha256 {
  readonly #make: () => ReturnType<typeof createHash>;
  #hash: ReturnType<typeof createHash>;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const key = secret === undefined || typeof secret === 'string' ? secret : bytesOf(secret);
    this.#make = () =>
      (key === undefined ? createHash('sha256') : createHmac('sha256', key)) as ReturnType<typeof createHash>;
    this.#hash = this.#make();
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = this.#make();
  }
}

const bytesOf = (source: ArrayBuffer | ArrayBufferView): Buffer =>
  ArrayBuffer.isView(source) ? Buffer.from(source.buffer, source.byteOffset, source.byteLength) : Buffer.from(source);

/** The region: of the options, else of a regional endpoint's name, else of the environment. */
const regionOf = (option: unknown, host: string): string =>
  (typeof option === 'string' && option) ||
  /^bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\./.exec(host)?.[1] ||
  process.env['AWS_REGION'] ||
  process.env['AWS_DEFAULT_REGION'] ||
  'us-east-1';

/** Credentials of the options, else of AWS's own chain: environment, files, SSO, container, instance. */
function credentialsOf(option: unknown): Credentials {
  if (typeof option === 'object' && option !== null) {
    const { access_key_id, secret_access_key, session_token } = option as Readonly<Record<string, string | undefined>>;
    return {
      accessKeyId: access_key_id ?? '',
      secretAccessKey: secret_access_key ?? '',
      ...(session_token !== undefined && { sessionToken: session_token }),
    };
  }
  let chain: Promise<Fetch> | undefined;
  // Loaded when it is needed: it is large, and most instances have a key.
  return async () => {
    chain ??= import('@aws-sdk/credential-providers').then(({ fromNodeProviderChain }) => fromNodeProviderChain());
    return (await chain)();
  };
}

/** Signs with AWS Signature Version 4 whatever does not carry a key already. */
export function sigv4({ name, options }: ProviderSettings): SignRequest {
  const credentials = credentialsOf(options['credentials']);
  const sha256 = Sha256 as unknown as SignatureV4CryptoInit['sha256'];
  const signers = new Map<string, Promise<SignatureV4>>();
  const signerFor = (region: string): Promise<SignatureV4> => {
    const existing = signers.get(region);
    if (existing) return existing;
    // Loaded when it is needed: it brings a good part of AWS's SDK.
    const signer = import('@smithy/signature-v4').then(
      ({ SignatureV4: Signer }) => new Signer({ service: 'bedrock', region, credentials, sha256 }),
    );
    signers.set(region, signer);
    return signer;
  };
  return async (request, host, now) => {
    if (request.headers['authorization'] !== undefined) return request;
    const [hostname = host] = host.split(':');
    try {
      const signer = await signerFor(regionOf(options['region'], host));
      const signed = await signer.sign(
        {
          method: request.method,
          protocol: 'https:',
          hostname,
          path: request.path,
          query: {},
          headers: { ...request.headers, host },
          body: request.body,
        },
        { signingDate: new Date(now) },
      );
      const { host: _, ...headers } = signed.headers;
      return { ...request, headers };
    } catch (cause) {
      throw new Fault('PROVIDER_CREDENTIAL', `no AWS credentials for the provider ${name}`, {
        blame: 'credential',
        cause,
        metadata: { provider: name },
      });
    }
  };
}
