/** Importing this file gives the instructions with XMM and MMX registers their meaning. */
import './moves.js';

export { vectorMeaning } from './registry.js';
