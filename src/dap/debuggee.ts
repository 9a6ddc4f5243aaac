import { InvariantChecks } from './invariantChecks.js';
import { Kaiser } from './kaiser.js';
import type { LaunchArguments } from './launchArguments.js';
import type { BootFile } from './readProgram.js';
import { ScriptedEvents } from './scriptedEvents.js';
import { generalRegisters, SpinWatch } from './spinWatch.js';
import { ElfError, emptyImage, loadSymbols, parseElf, sectionAt } from '../symbols/index.js';
import type { Symbols } from '../symbols/index.js';
import { createMachineTarget } from '../target/machineTarget.js';
import type { Target, TargetConfiguration } from '../target/target.js';

/** The machine of a session with everything known of its program. A restart makes a new one. */
export class Debuggee {
  /** What the guest's KAISER is and has been doing. */
  readonly kaiser: Kaiser;
  readonly spinWatch: SpinWatch;
  /** The rules of KAISER, checked while the machine runs; off at first. */
  readonly invariants = new InvariantChecks(this);
  /** What comes to the machine from outside, as the launch configuration says. */
  readonly events: ScriptedEvents;

  private constructor(
    readonly launch: LaunchArguments,
    readonly programName: string,
    readonly symbols: Symbols,
    readonly target: Target,
  ) {
    this.kaiser = new Kaiser(target, symbols);
    this.spinWatch = new SpinWatch(generalRegisters(target));
    this.events = new ScriptedEvents(this, launch.events);
  }

  /**
   * Makes a machine with the program loaded, ready to run its first instruction.
   * Throws an Error for the user when the program is no kernel that the machine can boot.
   */
  static async create(launch: LaunchArguments, program: Uint8Array, programName: string, modules: readonly BootFile[] = []): Promise<Debuggee> {
    const { symbols, refused } = symbolsOf(program, programName);
    let target: Target;
    try {
      target = await createMachineTarget(targetConfiguration(launch, program, programName, modules));
    } catch (error) {
      // What is no kernel at all is told best by those who looked at the file first.
      throw refused && refused.kind !== 'class' ? refused : error;
    }
    return new Debuggee(launch, programName, symbols, target);
  }

  /** `symbol+0x1c`, or undefined where no symbol covers the address. Code before paging is looked up where it is linked. */
  symbolAt(address: bigint): string | undefined {
    return this.symbols.table.format(this.linked(address));
  }

  /** `0xffffffff81000000 <symbol+0x1c>`. */
  formatAddress(address: bigint): string {
    const symbol = this.symbolAt(address);
    return symbol ? `${hex(address)} <${symbol}>` : hex(address);
  }

  /** The address at which the symbols know the code that is at `address`: the same, or the linked one of a physical address. */
  linked(address: bigint): bigint {
    if (address >> 32n !== 0n || sectionAt(this.symbols.image, address)) return address;
    return this.symbols.linkedAddress(address) ?? address;
  }

  /** Reads memory as the CPU sees it now; user programs of other tasks are not there. */
  read(cpu: number, address: bigint, size: number): Uint8Array | undefined {
    return this.target.readMemory(cpu, BigInt.asUintN(64, address), size);
  }

  /**
   * Reads memory in the CPU's address space, and where the shadow half does not map it, through its kernel twin: what
   * the code there is, not what the CPU could reach now.
   */
  readEitherHalf(cpu: number, address: bigint, size: number): Uint8Array | undefined {
    const now = this.read(cpu, address, size);
    if (now) return now;
    const kernelRoot = this.kaiser.kernelRootOf(this.target.cpu(cpu));
    return kernelRoot === undefined ? undefined : this.target.readMemory(cpu, BigInt.asUintN(64, address), size, kernelRoot);
  }
}

/** The program's symbols; none, with the reason, for a kernel that is no ELF64 file: by multiboot it may boot all the same. */
function symbolsOf(program: Uint8Array, name: string): { symbols: Symbols; refused?: ElfError } {
  try {
    return { symbols: loadSymbols(parseElf(program, name)) };
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    const symbols = loadSymbols(emptyImage(program, name));
    symbols.problems.splice(0, symbols.problems.length, error.message);
    return { symbols, refused: error };
  }
}

/** The machine that launch arguments describe. */
export function targetConfiguration(launch: LaunchArguments, image: Uint8Array, imageName: string, modules: readonly BootFile[] = []): TargetConfiguration {
  return {
    image,
    imageName,
    cpus: launch.cpus,
    ramSize: launch.memory * 1024 * 1024,
    commandLine: launch.append,
    modules,
    quantum: launch.quantum,
    schedule: launch.schedule,
    features: launch.cpuFeatures,
    tlb: launch.tlb,
    seed: launch.seed,
    consoleInput: launch.script.map(line => `${line}\n`).join(''),
  };
}

/** `0x` and lower-case hexadecimal digits. */
export function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

/** Hexadecimal, filled up with zeros to the width of `bits`. */
export function hexWide(value: bigint, bits: number): string {
  return `0x${value.toString(16).padStart(Math.ceil(bits / 4), '0')}`;
}
