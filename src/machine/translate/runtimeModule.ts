import * as L from '../cpu/layout.js';
import { CODE_MAP_BASE, CODE_MAP_ENTRIES, CODE_MAP_ENTRY_SIZE, FAST_ADDEND, FAST_TAG_EXEC } from '../memory/layout.js';
import { FAST_INDEX_MASK } from '../memory/fastTable.js';
import { emitFaultDelivery } from '../emitted/faultDelivery.js';
import { forget } from '../emitted/remembered.js';
import { MemoryKind, memoryKind } from '../memory/kind.js';
import * as M from './codeMap.js';
import { Exit } from './exit.js';
import { TABLE_SIZE } from './functionTable.js';
import { ENTER_SIGNATURE, RESOLVE_SIGNATURE, WATCHED_SIGNATURE } from './imports.js';
import * as R from './record.js';
import { FunctionBody, ModuleBuilder, Op, Type } from './wasm.js';

/**
 * The bytes of the module that runs a CPU: the dispatcher finds the block at RIP and either calls its translation or
 * interprets its records, one template call each. Only this module has the function table (node before 24 keeps a
 * copy of an imported table for every instance).
 */
export function runtimeModule(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  const resolve = module.import('resolve', RESOLVE_SIGNATURE);
  const flushPending = module.import('flushPending', { params: [Type.I32], results: [Type.I32] });
  const watched = module.import('watched', RESOLVE_SIGNATURE);
  const enterUsually = module.import('enterUsually', ENTER_SIGNATURE);
  module.table(TABLE_SIZE);
  const template = module.type({ params: [Type.I32, Type.I32], results: [Type.I32] });
  const region = module.type({ params: [Type.I32], results: [Type.I32] });
  emitWatched(module.function(WATCHED_SIGNATURE, 'watched').body, watched);
  const execute = module.function({ params: [Type.I32, Type.I32, Type.I32], results: [Type.I32] }, 'execute');
  emitExecute(execute.body, template, flushPending);
  const run = module.function({ params: [Type.I32], results: [Type.I32] }, 'run');
  const deliverFault = emitFaultDelivery(module, enterUsually);
  emitRun(run.body, { resolve, deliverFault, execute: execute.index, region });
  return module.encode();
}

/** Interprets `left` records from `record` on: one template call each, and the budget and RIP kept exact after each. */
function emitExecute(f: FunctionBody, template: number, flushPending: number): void {
  const [cpu, record, left] = [0, 1, 2];
  const exit = f.local(Type.I32), pending = f.local(Type.I32);
  const setRip = (push: () => void) => { f.get(cpu); push(); f.memory(Op.i64_store, L.RIP); };
  const next = f.loop();
  f.get(cpu).get(record).get(record).memory(Op.i32_load, R.R_TEMPLATE).callIndirect(template).tee(exit).op(Op.i32_eqz).if();
  setRip(() => { f.get(record).memory(Op.i64_load, R.R_NEXT); });
  f.else();
  f.get(exit).i32(Exit.Jumped).op(Op.i32_eq).get(exit).i32(Exit.Event).op(Op.i32_eq, Op.i32_or, Op.i32_eqz).if();
  // Not completed: RIP names the instruction again.
  setRip(() => { f.get(record).memory(Op.i64_load, R.R_NEXT).get(record).memory(Op.i64_load32_u, R.R_LENGTH).op(Op.i64_sub); });
  f.get(exit).op(Op.return).end().end();
  f.get(cpu).get(cpu).memory(Op.i32_load, L.BUDGET).i32(1).op(Op.i32_sub).memory(Op.i32_store, L.BUDGET);
  f.get(cpu).memory(Op.i32_load, L.PENDING).if();
  f.get(cpu).call(flushPending).tee(pending).if();
  f.get(pending).op(Op.return).end().end();
  f.get(exit).i32(Exit.Jumped).op(Op.i32_eq).if();
  f.i32(Exit.Next).op(Op.return).end();
  f.get(exit).i32(Exit.Event).op(Op.i32_eq).if();
  f.i32(Exit.Event).op(Op.return).end();
  f.get(record).i32(R.RECORD_SIZE).op(Op.i32_add).set(record);
  f.get(left).i32(1).op(Op.i32_sub).tee(left).i32(0).op(Op.i32_gt_s).brIf(next);
  f.end().i32(Exit.Next);
}

/** Compares an access with each of the watched ranges, and asks TypeScript if it meets one. */
function emitWatched(f: FunctionBody, watched: number): void {
  const [cpu, linear, kind] = [0, 1, 2];
  const last = f.local(Type.I64);
  f.get(kind).i32(0xff).op(Op.i32_and).i32(1).op(Op.i32_sub, Op.i64_extend_i32_u).set(last);
  const met = f.block();
  for (const ranges of [L.WATCH_READ, L.WATCH_WRITE]) {
    for (let n = 1; n <= L.WATCH_RANGES; n++) {
      const length = ranges + 16 * n + 8;
      f.get(cpu).memory(Op.i64_load, length).op(Op.i64_eqz, Op.i32_eqz);
      f.get(linear).get(last).op(Op.i64_add).get(cpu).memory(Op.i64_load, length - 8).op(Op.i64_sub);
      f.get(cpu).memory(Op.i64_load, length).get(last).op(Op.i64_add, Op.i64_lt_u, Op.i32_and).brIf(met);
    }
  }
  f.i32(0).op(Op.return).end();
  f.get(cpu).get(linear).op(Op.i32_wrap_i64).get(linear).i64(32n).op(Op.i64_shr_u, Op.i32_wrap_i64).get(kind).call(watched);
}

/** The locals that say where the CPU is: linear address of the next instruction, the code map's M_TAG and M_KEY for it, and its low half. */
interface Place { rip: number; tag: number; key: number; low: number; entry: number; mode: number; }

/** Sets `rip`, `low`, `tag` and `mode`: RIP, and outside 64-bit code CS.base + EIP. */
function emitAddress(f: FunctionBody, { rip, tag, low, mode }: Place): void {
  const cpu = 0, field = (op: Op, offset: number) => f.get(cpu).memory(op, offset);
  field(Op.i64_load, L.RIP).set(rip);
  field(Op.i32_load, L.MODE).tee(mode).i32(L.CodeMode.Long).op(Op.i32_and, Op.i32_eqz).unlikely().if();
  field(Op.i64_load, L.SEG + L.Seg.CS * L.SEG_SIZE + L.SEG_BASE).tee(tag).get(rip).op(Op.i64_add).i64(0xffffffffn).op(Op.i64_and).tee(rip);
  f.get(tag).i64(32n).op(Op.i64_shl, Op.i64_or).set(tag).else().get(rip).set(tag).end();
  f.get(rip).op(Op.i32_wrap_i64).set(low);
}

/** Sets `entry` to the fast entry for the address, and pushes an i32 that is not zero if it is not for its page. */
function pushNoFastEntry(f: FunctionBody, { rip, low, entry }: Place): void {
  const cpu = 0, field = (op: Op, offset: number) => f.get(cpu).memory(op, offset);
  f.get(low).i32(7).op(Op.i32_shr_u).i32(FAST_INDEX_MASK).op(Op.i32_and);
  field(Op.i32_load, L.FAST_TABLE).op(Op.i32_xor).tee(entry).memory(Op.i64_load, FAST_TAG_EXEC);
  f.get(rip).i64(-0x1000n).op(Op.i64_and);
  field(Op.i64_load, L.FAST_CONTEXT).op(Op.i64_or, Op.i64_ne);
}

/** Pops the host address of the instruction; pushes M_KEY for it. */
function pushKey(f: FunctionBody, { mode }: Place): void { f.i32(-0x1000).op(Op.i32_and).get(mode).op(Op.i32_or); }

/**
 * The dispatcher. Translations follow each other in a small loop of their own, as long as each is followed by the one that the last time followed it; with
 * little that is to be kept across the calls.
 */
function emitRun(f: FunctionBody, { resolve, deliverFault, execute, region }: { resolve: number; deliverFault: number; execute: number; region: number }): void {
  const cpu = 0;
  const rip = f.local(Type.I64), tag = f.local(Type.I64), mode = f.local(Type.I32), low = f.local(Type.I32), entry = f.local(Type.I32), key = f.local(Type.I32);
  const left = f.local(Type.I32), exit = f.local(Type.I32), budget = f.local(Type.I32), interpret = f.local(Type.I32), cut = f.local(Type.I32);
  // The entry that is foreseen, and what remembers it: M_NEXT there.
  const next = f.local(Type.I32), from = f.local(Type.I32), fn = f.local(Type.I32);
  const place = { rip, tag, key, low, entry, mode };
  const field = (op: Op, offset: number) => f.get(cpu).memory(op, offset);
  const giveUp = (code: Exit) => f.i32(code).op(Op.return);
  const stepping = (on: boolean) => f.get(cpu).i32(on ? 1 : 0).memory(Op.i32_store, L.STEPPING);
  /** An exception is delivered here if that is usual. Otherwise TypeScript does it. */
  const deliver = () => {
    f.get(cpu).call(deliverFault).op(Op.i32_eqz).unlikely().if();
    stepping(true);
    giveUp(Exit.Fault);
    f.end().get(cpu).i32(L.HANDLER_ENTRY - M.M_NEXT).op(Op.i32_add).set(from);
  };

  stepping(true);
  forget(f, cpu);
  // Where a turn has been cut off says nothing of where loops begin: what is interpreted from there to the end of its block is not counted.
  field(Op.i64_load, L.TURN_CUT);
  field(Op.i64_load, L.RIP).op(Op.i64_eq).set(cut).get(cpu).i64(-1n).memory(Op.i64_store, L.TURN_CUT);
  const foreseeNothing = () => f.get(cpu).i32(L.NO_ENTRY - M.M_NEXT).op(Op.i32_add).set(from);
  foreseeNothing();
  const top = f.loop();
  field(Op.i32_load, L.BUDGET).tee(budget).i32(0).op(Op.i32_le_s).if();
  f.get(cpu).get(cpu).memory(Op.i64_load, L.RIP).memory(Op.i64_store, L.TURN_CUT);
  giveUp(Exit.Budget);
  f.end();

  emitAddress(f, place);
  // Its page, by the fast table or `resolve`.
  pushNoFastEntry(f, place);
  f.unlikely().if(Type.I32);
  f.get(cpu).get(low).get(rip).i64(32n).op(Op.i64_shr_u, Op.i32_wrap_i64).i32(memoryKind(1, MemoryKind.Execute)).call(resolve);
  f.tee(key).i32(0).op(Op.i32_lt_s).if();
  deliver();
  f.br(top).end().get(key);
  f.else().get(low).get(entry).memory(Op.i32_load, FAST_ADDEND).op(Op.i32_add).end();
  pushKey(f, place);
  f.set(key);

  // The block that starts there, by the hash.
  f.get(low).get(low).i32(15).op(Op.i32_shr_u, Op.i32_xor).i32(CODE_MAP_ENTRIES - 1).op(Op.i32_and).i32(CODE_MAP_ENTRY_SIZE).op(Op.i32_mul);
  f.i32(CODE_MAP_BASE).op(Op.i32_add).tee(entry).memory(Op.i64_load, M.M_TAG).get(tag).op(Op.i64_ne);
  f.get(entry).memory(Op.i32_load, M.M_KEY).get(key).op(Op.i32_ne, Op.i32_or).if();
  giveUp(Exit.Miss);
  f.end();
  f.get(from).get(entry).memory(Op.i32_store, M.M_NEXT);

  // Translated: call it, unless it has just handed back. Blocks with flags have no translation.
  const untranslated = f.block();
  f.get(interpret).brIf(untranslated);
  f.get(entry).memory(Op.i32_load, M.M_FUNCTION).tee(fn).op(Op.i32_eqz).brIf(untranslated);
  stepping(false);
  const again = f.loop();
  f.get(cpu).get(fn).callIndirect(region).set(exit);
  const followed = f.block();
  f.get(entry).set(from).get(exit).op(Op.i32_eqz).likely(true).brIf(followed);
  f.get(exit).i32(Exit.Fault).op(Op.i32_ne).if();
  stepping(true);
  f.i32(0).set(cut);
  foreseeNothing();
  f.get(exit).i32(Exit.Interpret).op(Op.i32_eq).tee(interpret).brIf(top).get(exit).op(Op.return).end();
  deliver();
  f.end();
  // What has come next the last time? Of what is foreseen the processor need not wait for RIP to know the function, its instance and the address of the
  // memory, on which all that follows depends. A turn that is over is noticed by the translation. Branches one by one: V8 makes more of conditions that are combined.
  const unforeseen = f.block();
  f.get(from).memory(Op.i32_load, M.M_NEXT).tee(next).op(Op.i32_eqz).brIf(unforeseen);
  emitAddress(f, place);
  f.get(next).memory(Op.i64_load, M.M_TAG).get(tag).op(Op.i64_ne).unlikely().brIf(unforeseen);
  pushNoFastEntry(f, place);
  f.unlikely().brIf(unforeseen);
  f.get(low).get(entry).memory(Op.i32_load, FAST_ADDEND).op(Op.i32_add);
  pushKey(f, place);
  f.get(next).memory(Op.i32_load, M.M_KEY).op(Op.i32_ne).unlikely().brIf(unforeseen);
  f.get(next).tee(entry).memory(Op.i32_load, M.M_FUNCTION).tee(fn).brIf(again).end();
  f.end();
  stepping(true);
  f.i32(0).set(cut).br(top).end();

  f.get(entry).memory(Op.i32_load, M.M_FLAGS).if();
  f.get(entry).memory(Op.i32_load, M.M_FLAGS).i32(M.M_BREAKPOINT).op(Op.i32_and).if();
  field(Op.i64_load, L.RESUME).get(rip).op(Op.i64_ne).if();
  giveUp(Exit.Breakpoint);
  f.end().end();
  f.get(cpu).i64(-1n).memory(Op.i64_store, L.RESUME);
  f.get(entry).memory(Op.i32_load, M.M_FLAGS).i32(M.M_CROSSING).op(Op.i32_and).if();
  giveUp(Exit.Crossing);
  f.end().end();

  // Otherwise interpret its records. Blocks with a breakpoint or across pages are never translated; they must not come by
  // here twice before they are executed, for RESUME has been used up.
  f.get(interpret).get(cut).get(entry).memory(Op.i32_load, M.M_FLAGS).op(Op.i32_or, Op.i32_or, Op.i32_eqz).if();
  f.get(entry).get(entry).memory(Op.i32_load, M.M_HITS).i32(1).op(Op.i32_add).tee(left).memory(Op.i32_store, M.M_HITS);
  f.get(left).i32(M.HOT_PERIOD - 1).op(Op.i32_and, Op.i32_eqz).if();
  giveUp(Exit.Hot);
  f.end().end();
  f.i32(0).tee(interpret).set(cut);
  f.get(cpu).get(entry).memory(Op.i32_load, M.M_RECORDS);
  f.get(entry).memory(Op.i32_load, M.M_COUNT).tee(left).get(budget);
  f.get(left).get(budget).op(Op.i32_lt_s, Op.select).call(execute).set(exit);
  forget(f, cpu);
  foreseeNothing();
  f.get(exit).op(Op.i32_eqz).brIf(top);
  f.get(exit).i32(Exit.Fault).op(Op.i32_eq).if();
  deliver();
  f.br(top).end();
  f.get(exit).op(Op.return).end().op(Op.unreachable);
}
