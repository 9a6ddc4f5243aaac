import type { DebugProtocol } from '@vscode/debugprotocol';

/** Something with children in the Variables view. */
export interface Container {
  /** Reads the children now. */
  variables(): DebugProtocol.Variable[];
  /** Sets a child; throws an Error with a message for the user. Absent if no child can be set. */
  set?(name: string, value: string): void;
}

/** One frame of a stack as the client knows it by id. */
/** `depth` counts functions put inline, from 0 for the function itself. */
export interface FrameReference {
  cpu: number;
  index: number;
  depth: number;
  pc: bigint;
  sp: bigint;
  fp: bigint;
}

/** The numbers by which the client refers to containers and frames; they hold until the machine runs again. */
export class VariableStore {
  private containers: Container[] = [];
  private frames: FrameReference[] = [];

  add(container: Container): number {
    this.containers.push(container);
    return this.containers.length;
  }

  container(reference: number): Container | undefined {
    return this.containers[reference - 1];
  }

  addFrame(frame: FrameReference): number {
    const known = this.frames.findIndex(
      one => one.cpu === frame.cpu && one.index === frame.index && one.depth === frame.depth && one.pc === frame.pc,
    );
    if (known >= 0) return known + 1;
    this.frames.push(frame);
    return this.frames.length;
  }

  frame(id: number | undefined): FrameReference | undefined {
    return id === undefined ? undefined : this.frames[id - 1];
  }

  clear(): void {
    this.containers = [];
    this.frames = [];
  }
}
