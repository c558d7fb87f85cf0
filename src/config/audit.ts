import { z } from 'zod';
import { secret256 } from './secret.ts';
import { duration, size } from './units.ts';

/** The audit log. */
export const audit = z.strictObject({
  file: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File of JSON lines that records are appended to; `{worker}` in it is the number of the process, from 0.',
    ),
  key: secret256
    .optional()
    .describe('256 bits that the records are chained with; `llm-bridge keygen --audit` makes them.'),
  on_failure: z
    .enum(['closed', 'open'])
    .default('closed')
    .describe('Refuse or serve calls while no record can be written.'),
  max_file_size: size.prefault('100MiB').describe('A file of this size is put away; the chain goes on in the next.'),
  max_waiting: z
    .int()
    .min(2)
    .default(10_000)
    .describe(
      'Records that may wait to be written; those beyond are lost, and counted. Closed: calls are refused from half of it on.',
    ),
  anchor_interval: duration.prefault('1m').describe("How often the log tells the chain's place."),
  probes: z.boolean().default(true).describe('Whether health checks that went well have records too.'),
});
