import type { Row } from './row.js';

/**
 * Which rows the editor is still about to ask the children of. After it has begun again it asks for the children of
 * expanded rows one level after the other, and a row whose question it is told to begin again in between is left without
 * children. What is expanded is what the user has expanded or folded, by id, else what the rows themselves say.
 */
export class AwaitedRows {
  readonly #byUser = new Map<string, boolean>();
  /** By id the row that was given last: a question about an earlier one of the same place belongs to what the editor has given up. */
  readonly #awaited = new Map<string, Row>();

  #root = false;

  /** The editor is told to begin again. */
  told(): void {
    this.#root = true;
  }

  /** The editor has begun again: it asks for everything that is expanded. */
  begin(): void {
    this.#root = false;
    this.#awaited.clear();
  }

  /** These rows are given to the editor. */
  given(rows: readonly Row[]): void {
    for (const row of rows) if (row.children && (this.#byUser.get(row.id) ?? row.expanded)) this.#awaited.set(row.id, row);
  }

  /** The editor asks for the children of this row. */
  asked(row: Row): void {
    if (this.#awaited.get(row.id) === row) this.#awaited.delete(row.id);
  }

  /** The user has expanded or folded a row. */
  set(row: Row, expanded: boolean): void {
    this.#byUser.set(row.id, expanded);
    if (!expanded) this.#awaited.delete(row.id);
  }

  /** The editor shows no rows: it has forgotten what was expanded. */
  forget(): void {
    this.#byUser.clear();
    this.#awaited.clear();
  }

  /** True when the editor has asked for the first rows and for the children of all expanded ones. */
  get isComplete(): boolean {
    return !this.#root && this.#awaited.size === 0;
  }
}
