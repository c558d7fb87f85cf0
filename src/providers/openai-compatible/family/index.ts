import type { ProviderType } from '../../../kernel/provider.ts';
import { openAiCompatible } from '../adapter.ts';
import { hosts } from './hosts.ts';
import { labs } from './labs.ts';
import { servers } from './servers.ts';

/** Every provider that speaks OpenAI's dialect and has no folder of its own. */
export const family: readonly ProviderType[] = [...labs, ...hosts, ...servers].map(openAiCompatible);
