import { z } from 'zod';
import type { ProviderAdapter, ProviderSettings } from '../../kernel/adapter.ts';
import type { ProviderType } from '../../kernel/provider.ts';
import { dialect } from './dialect.ts';
import { fault } from './fault.ts';
import { encode } from './request.ts';
import { decode } from './response.ts';
import { ConverseDecoder } from './stream.ts';

/** AWS Bedrock's Converse API, for models of any maker. */
export const bedrock: ProviderType = {
  type: dialect,
  title: 'AWS Bedrock',
  // Endpoints are regional.
  baseUrl: undefined,
  keyVariable: 'AWS_BEARER_TOKEN_BEDROCK',
  requiresKey: true,
  simulated: false,
  options: {
    /** The AWS region, such as us-east-1. */
    region: z.string().optional(),
  },
  adapter: (settings: ProviderSettings): ProviderAdapter => ({
    framing: 'aws-event-stream',
    encode: (input) => encode(input, settings),
    decode,
    decoder: () => new ConverseDecoder(),
    fault,
  }),
};
