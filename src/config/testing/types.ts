import { z } from 'zod';
import type { ConfigurableType } from '../providers.ts';

const base = { baseUrl: undefined, keyVariable: undefined, requiresKey: false, simulated: false, options: {} };

/** Provider types for tests of the configuration alone: one of each kind. */
export const testTypes: readonly ConfigurableType[] = [
  {
    ...base,
    type: 'cloud',
    title: 'Cloud',
    baseUrl: 'https://cloud.example.com/v1',
    keyVariable: 'CLOUD_API_KEY',
    requiresKey: true,
    keyOptions: ['identity'],
    options: { identity: z.object({}).optional() },
  },
  { ...base, type: 'own-server', title: 'Own server', options: { region: z.string().describe('Where it is.') } },
  {
    ...base,
    type: 'regional',
    title: 'Regional',
    baseUrl: 'https://{region}.example.com',
    options: { region: z.string().optional() },
  },
  { ...base, type: 'simulator', title: 'Simulator', simulated: true },
];
