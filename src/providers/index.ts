import type { ProviderType } from '../kernel/provider.ts';
import { openai } from './openai/index.ts';

/** Every dialect that the gateway knows, in the order that lists show them. */
export const providerTypes: readonly ProviderType[] = [openai];
