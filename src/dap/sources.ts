import type { DebugProtocol } from '@vscode/debugprotocol';

/** The last component of a path. */
export function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

function isAbsolute(path: string): boolean {
  return /^([/\\]|[A-Za-z]:[/\\])/.test(path);
}

/** A file of the line table as the client can open it: relative names start from `root`. */
export function sourceOf(file: string, root: string | undefined): DebugProtocol.Source {
  const path = isAbsolute(file) || !root ? file : `${root.replace(/[/\\]+$/, '')}/${file.replace(/^(\.\/)+/, '')}`;
  return { name: baseName(file), path };
}
