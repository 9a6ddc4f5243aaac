import { checkAccess } from '../paging/index.js';
import type { ExceptionRecord, Scene } from './crash.js';
import { exceptionName, PF_WRITE } from './errorCode.js';

/**
 * The exceptions that belong to the last delivery: they were raised at one position. For a double fault these are the
 * first exception, the one that its delivery raised, and the double fault; for a triple fault one more, that of the
 * double fault's delivery (SDM Vol. 3A, 6.15, interrupt 8).
 */
export function lastDelivery(records: readonly ExceptionRecord[]): ExceptionRecord[] {
  const last = records[records.length - 1];
  return last ? records.filter((record, i) => record.position === last.position && i > records.length - 6) : [];
}

/** What an exception raised by a delivery failed on, as `push the frame on the stack at ...`. */
function failedAt(scene: Scene, failure: ExceptionRecord, vector: number): string {
  const { facts } = scene;
  const code = failure.errorCode ?? 0;
  if (failure.vector !== 14 || failure.address === undefined) {
    const shown = code ? `, error code 0x${code.toString(16)}` : '';
    return `got a ${exceptionName(failure.vector).mnemonic} of its own (${exceptionName(failure.vector).name}${shown})`;
  }
  const { address } = failure;
  const inside = (base: bigint | undefined, size: number): boolean => base !== undefined && address >= base && address < base + BigInt(size);
  const cr3 = scene.cr3(failure);
  const walked = scene.walk(cr3.root, address);
  // The CPU itself makes these accesses, with supervisor rights and without regard to RFLAGS.AC (SDM Vol. 3A, 4.6).
  const check = checkAccess(walked, { kind: code & PF_WRITE ? 'write' : 'read', cpl: 0 }, facts.features);
  const because = check.allowed ? 'the table allows now' : walked.result.kind === 'not present' ? `is not mapped by the ${cr3.half === 'none' ? 'table' : `${cr3.half} CR3`}`
    : `is refused: ${check.text}`;
  const which = scene.place(address);
  if (inside(facts.idt, 4096)) return `could not read the gate of vector ${vector} in the IDT at ${which}, which ${because}`;
  if (inside(facts.tss, 104)) return `could not read the stack pointer in the TSS at ${which}, which ${because}`;
  if (inside(facts.gdt, 256)) return `could not read the code segment in the GDT at ${which}, which ${because}`;
  if (code & PF_WRITE) return `could not push the interrupt frame on the stack at ${which}, which ${because}`;
  return `could not read ${which}, which ${because}`;
}

/**
 * A double or triple fault in sentences: which exception was raised, which delivery failed and on what. Undefined where
 * the last delivery was neither.
 */
export function describeDelivery(scene: Scene): string | undefined {
  const records = lastDelivery(scene.facts.exceptions);
  const isShutdown = scene.facts.event === 'shutdown';
  const at = records.findIndex((record) => record.vector === 8);
  if (at < 0 && !isShutdown) return undefined;
  const name = (record: ExceptionRecord): string => exceptionName(record.vector).mnemonic;
  const sentences: string[] = [];
  const first = at >= 2 ? records[at - 2] : undefined;
  const second = at >= 1 ? records[at - 1] : undefined;
  if (first && second) {
    const where = first.address === undefined ? '' : ` on ${scene.place(first.address)}`;
    sentences.push(`Delivering the ${name(first)}${where} raised at ${scene.place(first.rip)}, the CPU ${failedAt(scene, second, first.vector)}: a double fault.`);
  } else if (at >= 0) {
    sentences.push(`A double fault was raised at ${scene.place(records[at]!.rip)}${second ? ` after a ${name(second)}` : ''}.`);
  }
  if (!isShutdown) return sentences.join(' ');
  const third = records[at + 1];
  if (at >= 0 && third) sentences.push(`Delivering the double fault, it ${failedAt(scene, third, 8)}: a triple fault, and the CPU shut down.`);
  else sentences.push('The CPU shut down with a triple fault.');
  return sentences.join(' ');
}
