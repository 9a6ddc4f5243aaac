/** System instructions and far transfers, whose meaning is written in TypeScript: one file for each family. */
import './descriptorTables.js';
import './far.js';
import './flagControl.js';
import './fxsave.js';
import './interrupt.js';
import './interruptReturn.js';
import './monitor.js';
import './moves.js';
import './portIo.js';
import './protectionKeys.js';
import './registers.js';
import './segmentBases.js';
import './syscall.js';
import './sysenter.js';
import './translation.js';
import './xsave.js';
import '../x87/index.js';

/**
 * Handlers by iced's mnemonic. Those of MOV, PUSH, POP, JMP and CALL are for segment, control and debug registers and far
 * pointers only.
 */
export { handlers } from './registry.js';
