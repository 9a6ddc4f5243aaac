/** Importing this file gives the floating-point instructions of SSE, SSE2 and SSE3 their meaning. */
import './approximation.js';
import './arithmetic.js';
import './comparison.js';
import './conversion.js';
import './fast.js';
import './fastPacked.js';
