import { z } from 'zod';
import type { ProviderAdapter, ProviderSettings } from '../../kernel/adapter.ts';
import type { ProviderType } from '../../kernel/provider.ts';
import { dialect } from './dialect.ts';
import { fault } from './fault.ts';
import { encode } from './request.ts';
import { decode } from './response.ts';
import { sigv4 } from './sigv4.ts';
import { ConverseDecoder } from './stream.ts';

/** AWS Bedrock's Converse API, for models of any maker. */
export const bedrock: ProviderType = {
  type: dialect,
  title: 'AWS Bedrock',
  baseUrl: 'https://bedrock-runtime.{region}.amazonaws.com',
  keyVariable: 'AWS_BEARER_TOKEN_BEDROCK',
  // Without a key requests are signed, with the options' credentials or those of AWS's own chain.
  requiresKey: false,
  simulated: false,
  options: {
    region: z.string().min(1).optional().describe('The AWS region, such as `us-east-1`.'),
    credentials: z
      .strictObject({
        access_key_id: z.string().min(1).meta({ kind: 'secret' }),
        secret_access_key: z.string().min(1).meta({ kind: 'secret' }),
        session_token: z.string().optional().meta({ kind: 'secret' }),
      })
      .optional()
      .describe("What to sign requests with where there is no key. AWS's own chain where this is missing too."),
  },
  adapter: (settings: ProviderSettings): ProviderAdapter => ({
    framing: 'aws-event-stream',
    encode: (input) => encode(input, settings),
    decode,
    decoder: () => new ConverseDecoder(),
    fault,
  }),
  signer: sigv4,
};
