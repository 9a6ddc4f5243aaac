import type { ChildProcess } from 'node:child_process';

export const quietSettings: Record<string, unknown>;

export interface EditorServer {
  address: string;
  process: ChildProcess;
  stop(): Promise<void>;
}

export function startEditor(options: {
  state: string;
  port?: number;
  settings?: Record<string, unknown>;
  env?: Record<string, string>;
  extension?: string;
}): Promise<EditorServer>;
