import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import {
  createFileRegistry,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const root = join(import.meta.dirname, '../..');

/** Version of the suite, its protos and its binary alike. */
const suite = 'connectrpc.com/conformance@v1.0.7';

/**
 * The suite's own descriptors. They come with its Go module and are compiled once into the cache folder, so that no
 * copy of its protos stands in this tree.
 */
export function conformanceRegistry(): FileRegistry {
  const folder = join(root, '.cache/conformance');
  const file = join(folder, `${suite.slice(suite.indexOf('@') + 1)}.binpb`);
  if (!existsSync(file)) {
    const modules = execFileSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8' }).trim();
    mkdirSync(folder, { recursive: true });
    const built = `${file}.${process.pid}.binpb`;
    execFileSync(join(root, 'node_modules/.bin/buf'), ['build', join(modules, suite, 'proto'), '-o', built]);
    renameSync(built, file);
  }
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)));
}

/** A message of the suite, by its name. */
export function messageOf(registry: FileRegistry, name: string): DescMessage {
  const desc = registry.getMessage(`connectrpc.conformance.v1.${name}`);
  if (desc === undefined) throw new Error(`the suite has no message ${name}`);
  return desc;
}

/** The service that the suite calls. */
export function conformanceService(registry: FileRegistry): DescService {
  const desc = registry.getService('connectrpc.conformance.v1.ConformanceService');
  if (desc === undefined) throw new Error('the suite has no ConformanceService');
  return desc;
}
