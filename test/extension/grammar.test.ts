import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import oniguruma from 'vscode-oniguruma';
import textmate from 'vscode-textmate';
import type { IGrammar } from 'vscode-textmate';

const require = createRequire(import.meta.url);
let grammar: IGrammar;

beforeAll(async () => {
  await oniguruma.loadWASM(readFileSync(require.resolve('vscode-oniguruma/release/onig.wasm')));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: patterns => new oniguruma.OnigScanner(patterns),
      createOnigString: text => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => textmate.parseRawGrammar(readFileSync('syntaxes/gas.tmLanguage.json', 'utf8'), 'gas.json'),
  });
  const loaded = await registry.loadGrammar('source.gas');
  if (!loaded) throw new Error('syntaxes/gas.tmLanguage.json did not load');
  grammar = loaded;
});

/** The innermost scope of each token that is not blank, as `text: scope`, over all lines. */
function scopes(source: string): string[] {
  let state = textmate.INITIAL;
  return source.split('\n').flatMap(line => {
    const { tokens, ruleStack } = grammar.tokenizeLine(line, state);
    state = ruleStack;
    return tokens
      .map(token => ({ text: line.slice(token.startIndex, token.endIndex).trim(), scope: token.scopes.at(-1) }))
      .filter(token => token.text !== '')
      .map(token => `${token.text}: ${token.scope}`);
  });
}

describe('the assembly grammar', () => {
  it('names registers by class', () => {
    expect(scopes('\tmovq %rax, %cr3')).toEqual([
      'movq: keyword.mnemonic.gas', '%rax: variable.language.register.gas', ',: punctuation.separator.gas',
      '%cr3: variable.language.register.control.gas',
    ]);
    expect(scopes('\tmovw %r15w, %gs:8(%rsp,%rcx,4)').filter(line => line.startsWith('%'))).toEqual([
      '%r15w: variable.language.register.gas', '%gs: variable.language.register.segment.gas',
      '%rsp: variable.language.register.gas', '%rcx: variable.language.register.gas',
    ]);
  });

  it('tells control flow and privileged instructions from the rest', () => {
    expect(scopes('\tswapgs; sysretq; addq $8, %rsp')).toEqual([
      'swapgs: support.function.privileged.gas', ';: punctuation.separator.gas', 'sysretq: keyword.control.flow.gas',
      ';: punctuation.separator.gas', 'addq: keyword.mnemonic.gas', '$8: constant.numeric.immediate.gas',
      ',: punctuation.separator.gas', '%rsp: variable.language.register.gas',
    ]);
  });

  it('marks a macro, its parameters and their uses', () => {
    const lines = scopes('.macro SWITCH_TO_KERNEL_CR3 scratch:req user=1\n\tmov %cr3, \\scratch\n.endm');
    expect(lines).toContain('.macro: storage.type.macro.gas');
    expect(lines).toContain('SWITCH_TO_KERNEL_CR3: entity.name.function.macro.gas');
    expect(lines).toContain('scratch: variable.parameter.gas');
    expect(lines).toContain('req: storage.modifier.gas');
    expect(lines).toContain('\\scratch: variable.parameter.macro-argument.gas');
    expect(lines).toContain('.endm: storage.type.macro.gas');
  });

  it('knows labels, local labels and references to them', () => {
    expect(scopes('entry_syscall64:')).toEqual(['entry_syscall64: entity.name.function.label.gas', ':: punctuation.separator.label.gas']);
    expect(scopes('1:\tjnz 1b')).toEqual([
      '1: entity.name.label.local.gas', ':: punctuation.separator.label.gas', 'jnz: keyword.control.flow.gas',
      '1b: constant.other.label-reference.gas',
    ]);
  });

  it('reads the preprocessor, and other lines with # as comments', () => {
    expect(scopes('#include <asm/paging.h>')[0]).toBe('#include: keyword.control.directive.include.gas');
    expect(scopes('#ifdef CONFIG_SMP')[0]).toBe('#ifdef: keyword.control.directive.conditional.gas');
    expect(scopes('#define PTI_BIT (1 << 12)').slice(0, 2)).toEqual([
      '#define: keyword.control.directive.define.gas', 'PTI_BIT: entity.name.function.preprocessor.gas',
    ]);
    expect(scopes('\tnop # iffy, not a directive').at(-1)).toBe('# iffy, not a directive: comment.line.number-sign.gas');
  });

  it('closes a block comment on a later line', () => {
    expect(scopes('/* one\n two */ hlt').at(-1)).toBe('hlt: keyword.control.flow.gas');
  });

  it('reads sections, data and strings', () => {
    expect(scopes('\t.pushsection .entry.text, "ax", @progbits').slice(0, 2)).toEqual([
      '.pushsection: keyword.other.directive.section.gas', '.entry.text: entity.name.section.gas',
    ]);
    expect(scopes('\t.quad 0xffffffff80000000')).toEqual([
      '.quad: storage.type.data.gas', '0xffffffff80000000: constant.numeric.hex.gas',
    ]);
    expect(scopes('\t.asciz "a\\n"')).toContain('\\n: constant.character.escape.gas');
  });

  it('leaves symbols of operands alone and marks those of immediates', () => {
    expect(scopes('\tleaq table(%rip), %rdi').map(line => line.split(': ')[0])).toContain('table(');
    expect(scopes('\tmovq $__entry_text_start, %rdi')).toContain('__entry_text_start: variable.other.symbol.gas');
  });
});
