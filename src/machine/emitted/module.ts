import { FLAGS_SIGNATURE, RESOLVE_SIGNATURE } from '../translate/imports.js';
import { flagsFunction } from '../translate/flags.js';
import { ModuleBuilder, Type } from '../translate/wasm.js';
import { emitAccess } from './access.js';
import { emitDelivery } from './delivery.js';
import { emitInterruptReturn } from './interruptReturn.js';
import { emitStrings } from './strings.js';
import { emitTlb } from './tlb.js';
import { emitWalk } from './walk.js';

/** The bytes of the module that exports the functions of `Emitted`. */
export function emittedModule(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  const resolveUnusual = module.import('resolveUnusual', RESOLVE_SIGNATURE), flagsChanged = module.import('flagsChanged', { params: [Type.I32, Type.I32], results: [] });
  const markDirty = module.import('markDirty', { params: [Type.I32], results: [] }), endContext = module.import('endContext', { params: [Type.I32, Type.I32], results: [] });
  const flags = module.function(FLAGS_SIGNATURE, 'flags');
  flagsFunction(flags.body);
  const tlb = emitTlb(module), walk = emitWalk(module, flagsChanged), access = emitAccess(module, { resolveUnusual, markDirty, endContext }, tlb, walk);
  emitDelivery(module, { flags: flags.index, supervisorHost: access.supervisorHost });
  emitInterruptReturn(module, access.supervisorHost);
  emitStrings(module, access.resolve);
  return module.encode();
}
