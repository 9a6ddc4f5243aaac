#!/usr/bin/env node
import path from 'node:path';
import { enableBranchHints } from './branchHints.js';
import { runCached } from './codeCache.js';
import { optimizeLater } from './optimizeLater.js';

// dist/cli.cjs: starts the command line from V8's code cache: dist/kaiserscope.cjs, or dist/run.cjs for the one command of which much is run only once. Flags come first, for the cache is of one set of them.
enableBranchHints();
optimizeLater();
const isRun = process.argv[2] === 'run';
const keep = runCached(path.join(__dirname, isRun ? 'run.cjs' : 'kaiserscope.cjs'), { require, module, directory: __dirname });
if (isRun) process.on('exit', keep);
