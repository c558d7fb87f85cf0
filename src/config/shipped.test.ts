import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { providerTypes } from '../providers/index.ts';
import { chooseConfig } from './choose.ts';
import { envExample } from './env-example.ts';
import { loadConfig } from './load.ts';
import { packageRoot, shippedConfigs } from './package-root.ts';
import { providerTable } from './provider-table.ts';
import { configReference } from './reference.ts';

const root = packageRoot();
const files = shippedConfigs();
const read = (path: string) => readFileSync(join(root, path), 'utf8');
// Any readable file does: the configuration checks only that it can be read.
const tls = { TLS_CERT: join(root, 'package.json'), TLS_KEY: join(root, 'package.json') };

describe('files under configs', () => {
  it('are there', () => expect(files.length).toBeGreaterThanOrEqual(6));

  it.each(files)('%s can be loaded', (file) => {
    expect(Object.keys(loadConfig(join(root, file), tls, providerTypes).config.providers).length).toBeGreaterThan(0);
  });
});

describe('generated files', () => {
  it('docs/providers.md is what `llm-bridge config-reference --providers` prints', () => {
    expect(read('docs/providers.md')).toBe(providerTable(providerTypes));
  });

  it('docs/configuration.md is what `llm-bridge config-reference` prints', () => {
    expect(read('docs/configuration.md')).toBe(configReference(providerTypes));
  });

  it('.env.example is what `llm-bridge config-reference --env` prints', () => {
    expect(read('.env.example')).toBe(envExample(providerTypes, files.map(read)));
  });
});

describe('the file to serve', () => {
  const cwd = process.cwd();

  it('is the demonstration while no provider has a key, and says why', () => {
    expect(cwd).toBe(root);
    const { file, demo, why, config } = chooseConfig(undefined, {}, providerTypes);
    expect({ file, demo }).toEqual({ file: 'configs/demo.yaml', demo: true });
    expect(why).toContain('answers are simulated');
    expect(config.providers['openai']?.type).toBe('simulator');
  });

  it('is the usual one with a key', () => {
    const { file, demo } = chooseConfig(undefined, { OPENAI_API_KEY: 'k' }, providerTypes);
    expect({ file, demo }).toEqual({ file: 'configs/config.yaml', demo: false });
  });

  it('is the one that was named, key or not', () => {
    const named = join(root, 'configs/examples/openai.yaml');
    expect(chooseConfig(named, { LLMBRIDGE_CONFIG: 'other' }, providerTypes)).toMatchObject({
      file: named,
      demo: false,
    });
    expect(chooseConfig(undefined, { LLMBRIDGE_CONFIG: named }, providerTypes)).toMatchObject({ file: named });
  });
});
