/** As `translate/prebuilt.ts`: a build puts in the bytes. */
export { emittedModule } from './module.js';
