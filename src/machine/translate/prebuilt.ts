/**
 * The modules that every machine needs. A build puts their bytes into the bundle instead of the code that emits them
 * (scripts/lib/prebuilt.mjs), which would run cold at each start.
 */
export { commonTemplates } from './commonTemplates.js';
export { runtimeModule } from './runtimeModule.js';
