/** Importing this file gives every instruction with a WebAssembly definition its meaning. */
import './arithmetic.js';
import './bitManipulation.js';
import './bits.js';
import './control.js';
import './data.js';
import './decimal.js';
import './frequentSystem.js';
import './logic.js';
import './multiply.js';
import './random.js';
import './shift.js';
import './stack.js';
