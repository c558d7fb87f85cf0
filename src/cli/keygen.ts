import { createHash, randomBytes } from 'node:crypto';
import { parse } from './arguments.ts';
import { Exit, UsageError, type Verb } from './verb.ts';

const usage = `llm-bridge keygen [options]

Makes an API key for a caller, and the line for security.api_keys that lets it in. The key is printed once and kept
nowhere: the configuration has only its SHA-256.

  -u, --user USER     whom limits and logs count it for (me)
  -n, --name NAME     the key's public name, for logs (the user's)
      --sealing       a secret of 256 bits for security.sealing.keys instead, with the name as its id
      --signing       a secret of 256 bits for security.request_signing.keys instead, with the name as its id
      --audit         a secret of 256 bits for monitoring.audit instead`;

/** A value in YAML's flow style, whatever is in it. */
const quoted = (text: string) => JSON.stringify(text);

export const keygen: Verb = {
  usage,
  async run(args) {
    const { values } = parse({
      args: [...args],
      options: {
        user: { type: 'string', short: 'u' },
        name: { type: 'string', short: 'n' },
        sealing: { type: 'boolean' },
        signing: { type: 'boolean' },
        audit: { type: 'boolean' },
      },
    });
    if (values.user === '' || values.name === '') throw new UsageError('a user or name must not be empty');
    const secret = randomBytes(32).toString('base64url');
    if (values.audit === true) {
      process.stdout.write(`secret: ${secret}\n`);
      process.stdout.write(`monitoring.audit: { file: "audit-{worker}.jsonl", key: "\${AUDIT_KEY}" }\n`);
      return Exit.OK;
    }
    if (values.sealing === true || values.signing === true) {
      const id = values.name ?? 'k1';
      const bound = values.user === undefined ? '' : `, user: ${quoted(values.user)}`;
      process.stdout.write(`secret: ${secret}\n`);
      const [group, variable] = values.signing === true ? ['request_signing', 'SIGNING'] : ['sealing', 'SEAL'];
      process.stdout.write(`security.${group}.keys: { id: ${quoted(id)}, secret: "\${${variable}_SECRET}"${bound} }\n`);
      return Exit.OK;
    }
    const key = `llmb-${secret}`;
    const user = values.user ?? 'me';
    const sha256 = createHash('sha256').update(key).digest('hex');
    process.stdout.write(`key: ${key}\n`);
    process.stdout.write(
      `security.api_keys: { name: ${quoted(values.name ?? user)}, user: ${quoted(user)}, sha256: ${quoted(sha256)} }\n`,
    );
    return Exit.OK;
  },
};
