import { z } from 'zod';
import { readableFile } from './readable-file.ts';
import { secret } from './secret.ts';

const node = z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, { error: 'must be host:port' });

const sentinel = z.strictObject({
  name: z.string().min(1).describe("The master's name."),
  nodes: z.array(node).min(1).describe('The sentinels, as host:port.'),
  username: z.string().min(1).optional().describe('User at the sentinels, where they ask for one.'),
  password: secret.optional().describe('Password at the sentinels, where they ask for one.'),
});

/** The shared store: one server, a cluster, or a master found by Sentinel; none where nothing is set. */
export const redis = z
  .strictObject({
    url: secret.optional().describe('One server: `redis://[user:password@]host:port[/db]`, or `rediss://` for TLS.'),
    cluster: z
      .array(node)
      .min(1)
      .optional()
      .describe('Nodes of a cluster, as host:port; one that is up suffices, it tells of the others.'),
    sentinel: sentinel.optional().describe('A master found by Sentinel.'),
    username: z.string().min(1).optional().describe('User at the servers; in place of one in the URL.'),
    password: secret.optional().describe('Password at the servers; in place of one in the URL.'),
    tls: z.boolean().default(false).describe('TLS to servers and sentinels; `rediss://` asks for it too.'),
    ca: readableFile
      .optional()
      .describe("PEM file of the authorities that the servers' certificates are checked by, in place of the system's."),
    prefix: z.string().default('llmbridge:').describe('What every key in the store begins with.'),
  })
  .superRefine((group, context) => {
    const ways = [group.url, group.cluster, group.sentinel].filter((way) => way !== undefined).length;
    if (ways > 1) context.addIssue('set one of url, cluster and sentinel');
    if (group.url !== undefined && !/^rediss?:\/\//.test(group.url))
      context.addIssue({ code: 'custom', path: ['url'], message: 'must begin with redis:// or rediss://' });
  });
