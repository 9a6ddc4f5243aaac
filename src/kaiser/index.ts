export { checkCr3, type Cr3Fields, type Cr3Settings, decodeCr3, type Half, NO_FLUSH_BIT, SHADOW_BIT, SHADOW_PCID_BIT } from './cr3.js';
export { describePageFault, describeSelectorError, exceptionName, type ExceptionName, pageFaultBits } from './errorCode.js';
export { type EntryPoint, entryText, findEntryPoints, pathInWords, pointBefore } from './entryPoints.js';
export { type GuestMm, GuestReader, type GuestTask, type GuestTlbState, type KaiserAbi, type KaiserState, readAbi, type Unanswered } from './abi.js';
export { type Site, siteBefore } from './sites.js';
export type { CrashFacts, ExceptionRecord, Verdict } from './crash.js';
export { judge } from './verdict.js';
export { checkInvariants, type CpuView, type InvariantPart, type MachineView, type TlbView, type Violation } from './invariants/index.js';
