/** Importing this file gives the instructions of the x87 their meaning. */
import './arithmetic.js';
import './comparison.js';
import './control.js';
import './transcendental.js';
import './transfers.js';
