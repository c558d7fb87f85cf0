#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { run } from './cli/run.ts';
import { packageRoot } from './config/package-root.ts';

// Halves the start. Beside the code and not in the shared temporary directory, where another user could plant bytecode;
// where it can't be written there is none.
enableCompileCache(join(packageRoot(), '.cache', 'compile'));

process.exitCode = await run(process.argv.slice(2));
