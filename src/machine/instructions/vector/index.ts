/** Importing this file gives the instructions with XMM and MMX registers their meaning. */
import './lanes.js';
import './masked.js';
import './moves.js';
import './shifts.js';
import './shuffles.js';
import '../sse/index.js';

export { CONVERSIONS, vectorMeaning } from './registry.js';
