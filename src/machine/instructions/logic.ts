import { Mnemonic } from 'iced-x86';
import { MemoryKind } from '../memory/kind.js';
import { Cc, Emitter } from '../translate/emitter.js';
import { setFlags } from '../translate/flags.js';
import { Op } from '../translate/wasm.js';
import { define } from './define.js';

function bitwise(op: Op, write: boolean) {
  return (e: Emitter) => {
    const size = e.size(0), f = e.f;
    e.pushSized(1, size);
    const b = e.keep(), place = e.place(0, write ? MemoryKind.Write | MemoryKind.Modify : MemoryKind.Read);
    e.load(place);
    f.get(b).op(op);
    const result = e.keep();
    if (write) { f.get(result); e.store(place); }
    setFlags(e, Cc.Logic, size, result);
    e.done(place);
    f.release(b, result);
  };
}
define(Mnemonic.And, bitwise(Op.i64_and, true));
define(Mnemonic.Or, bitwise(Op.i64_or, true));
define(Mnemonic.Xor, bitwise(Op.i64_xor, true));
define(Mnemonic.Test, bitwise(Op.i64_and, false));

define(Mnemonic.Not, e => {
  const place = e.place(0, MemoryKind.Write | MemoryKind.Modify);
  e.load(place);
  e.f.i64(-1n).op(Op.i64_xor);
  e.truncate(place.size);
  e.store(place);
  e.done(place);
});
