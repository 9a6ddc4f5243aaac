#!/usr/bin/env node
import path from 'node:path';
import { enableBranchHints } from './branchHints.js';
import { runCached } from './codeCache.js';
import { optimizeLater } from './optimizeLater.js';

// dist/cli.cjs: starts the command line, dist/kaiserscope.cjs, from V8's code cache. Flags come first, for the cache is of one set of them.
enableBranchHints();
optimizeLater();
const keep = runCached(path.join(__dirname, 'kaiserscope.cjs'), { require, module, directory: __dirname });
if (process.argv[2] === 'run') process.on('exit', keep);
