import * as vscode from 'vscode';
import type { SessionModel } from '../sessionModel.js';
import { AwaitedRows } from './awaitedRows.js';
import { rowsToText, type Row } from './row.js';

/** Scheme of the resources that carry a row's badge to the decoration provider; nothing is ever opened under it. */
const badgeScheme = 'kaiserscope-row';

/** Milliseconds in which calls for a refresh are gathered. */
const refreshDelay = 60;

/** Milliseconds without a question of the editor after which it is taken to ask no more, whatever was expanded. */
const patience = 2000;

/** A running machine is said so only when it runs longer than this, or every step would make the view jump. */
const runningMessageDelay = 400;

/** A tree view of rows, with marks on what changed since the stop before. */
export class RowTree implements vscode.TreeDataProvider<Row>, vscode.Disposable {
  readonly view: vscode.TreeView<Row>;
  readonly #changed = new vscode.EventEmitter<Row | undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #disposables: vscode.Disposable[];
  readonly #model: SessionModel;
  readonly #rows: () => Promise<Row[]>;
  readonly #live: boolean;
  readonly #steady: boolean;
  /** For a steady view: what it shows, as text. */
  #shown: string | undefined;
  /** Values by row id: those that marks compare with, and those shown at the latest stop. */
  #before = new Map<string, string>();
  #atStop = new Map<string, string>();
  #stops = 0;
  #sessionId: string | undefined;
  #refreshing: ReturnType<typeof setTimeout> | undefined;
  /** Questions of the editor for rows that have not been answered, those that are to come, and when one was answered or called for last. */
  #asking = 0;
  readonly #awaited = new AwaitedRows();
  #answeredAt = -Infinity;
  /** Something has changed while the view was hidden. */
  #stale = false;
  #lastState: string | undefined;
  #messageTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param id the view's id in the manifest
   * @param rows asks the session for what to show
   * @param options `live`: the view is renewed while the machine runs too, which must then be cheap. `steady`: the editor is
   *   told to begin again only if the rows have changed, for it loses the click on a check box that it is renewing
   */
  constructor(id: string, model: SessionModel, rows: () => Promise<Row[]>, options: { live?: boolean; steady?: boolean } = {}) {
    this.#live = options.live ?? false;
    this.#steady = options.steady ?? false;
    this.#model = model;
    this.#rows = rows;
    this.view = vscode.window.createTreeView(id, { treeDataProvider: this, showCollapseAll: true, manageCheckboxStateManually: true });
    this.#disposables = [
      this.view,
      this.#changed,
      model.onDidChange(() => this.#onChange()),
      this.view.onDidChangeVisibility(({ visible }) => {
        if (visible && this.#stale) this.refresh();
      }),
      this.view.onDidExpandElement(({ element }) => this.#awaited.set(element, true)),
      this.view.onDidCollapseElement(({ element }) => this.#awaited.set(element, false)),
    ];
  }

  /**
   * Asks for the rows again, soon, and once for calls that come together: the editor loses the children of rows when it
   * is told to begin again while it still asks for them.
   */
  refresh(): void {
    this.#stale = !this.view.visible;
    if (this.#stale) return;
    this.#refreshing ??= setTimeout(() => {
      this.#refreshing = undefined;
      const isWaiting = this.#asking > 0 || (!this.#awaited.isComplete && performance.now() - this.#answeredAt < patience);
      if (isWaiting) this.refresh();
      else void this.#renew();
    }, refreshDelay);
  }

  async #renew(): Promise<void> {
    if (this.#steady && this.#shown !== undefined && this.#model.session) {
      try {
        if (await fingerprint(await this.#rows()) === this.#shown) return;
      } catch { /* the editor asks again below, and shows what is wrong */ }
    }
    this.#awaited.told();
    this.#answeredAt = performance.now();
    this.#changed.fire(undefined);
  }

  /** The view as text. */
  async text(): Promise<string> {
    return rowsToText(await this.#rows());
  }

  async getChildren(row?: Row): Promise<Row[]> {
    this.#asking++;
    const { session } = this.#model;
    try {
      if (row) this.#awaited.asked(row);
      else this.#awaited.begin();
      const rows = row ? (await row.children?.()) ?? [] : await this.#roots();
      this.#awaited.given(rows);
      return rows;
    } catch (error) {
      // A session that ends while it is asked is no failure of the view.
      if (!session || this.#model.session !== session) return [];
      throw error;
    } finally {
      this.#asking--;
      this.#answeredAt = performance.now();
    }
  }

  async #roots(): Promise<Row[]> {
    this.#shown = undefined;
    if (!this.#model.session) {
      this.#awaited.forget();
      return [];
    }
    const rows = await this.#rows();
    if (this.#steady) this.#shown = await fingerprint(rows);
    return rows;
  }

  getTreeItem(row: Row): vscode.TreeItem {
    const old = row.value === undefined ? undefined : this.#before.get(row.id);
    if (row.value !== undefined && this.#model.state === 'stopped') this.#atStop.set(row.id, row.value);
    const changed = old !== undefined && old !== row.value;
    const item = new vscode.TreeItem(
      changed ? { label: row.label, highlights: [[0, row.label.length]] } : row.label,
      row.children ? (row.expanded ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed)
        : vscode.TreeItemCollapsibleState.None,
    );
    const was = changed ? vscode.l10n.t('was {0}', old) : '';
    // A row that had no children when the editor first saw it stays folded for it ever after (CR3 while paging is off): it is another one.
    item.id = row.children ? row.id : `${row.id}/leaf`;
    item.description = [row.description, was].filter(Boolean).join(' · ');
    item.tooltip = new vscode.MarkdownString([row.tooltip ?? [row.label, item.description].filter(Boolean).join(': '), was].filter(Boolean).join('\n\n'));
    item.iconPath = new vscode.ThemeIcon(row.icon, row.iconColor ? new vscode.ThemeColor(row.iconColor) : undefined);
    item.contextValue = row.context;
    item.accessibilityInformation = {
      label: [row.spoken ?? [row.label, row.description].filter(Boolean).join(', '), row.badge?.meaning, changed ? vscode.l10n.t('changed, {0}', was) : '']
        .filter(Boolean).join(', '),
    };
    if (row.checked !== undefined) {
      item.checkboxState = {
        state: row.checked ? vscode.TreeItemCheckboxState.Checked : vscode.TreeItemCheckboxState.Unchecked,
        tooltip: row.checked ? vscode.l10n.t('Clear the breakpoint') : vscode.l10n.t('Set a breakpoint'),
        accessibilityInformation: { label: row.spoken ?? row.label, role: 'checkbox' },
      };
    }
    if (row.badge) {
      item.resourceUri = vscode.Uri.from({ scheme: badgeScheme, path: `/${row.id}`, query: row.badge.letter, fragment: row.badge.meaning });
    }
    return item;
  }

  dispose(): void {
    clearTimeout(this.#messageTimer);
    clearTimeout(this.#refreshing);
    for (const disposable of this.#disposables) disposable.dispose();
  }

  #onChange(): void {
    const { session, state } = this.#model;
    const otherSession = session?.id !== this.#sessionId;
    if (otherSession) {
      this.#sessionId = session?.id;
      this.#before = new Map();
      this.#atStop = new Map();
      this.#stops = 0;
    }
    // What stood here at the last stop is what this one is compared with.
    if (this.#model.stops !== this.#stops) {
      this.#stops = this.#model.stops;
      this.#before = new Map([...this.#before, ...this.#atStop]);
    }
    if (state !== this.#lastState) this.#announce(state);
    this.#lastState = state;
    if (this.#live || state !== 'running' || otherSession) this.refresh();
  }

  #announce(state: string | undefined): void {
    clearTimeout(this.#messageTimer);
    if (state === 'running') {
      this.#messageTimer = setTimeout(() => {
        if (this.#model.state === 'running') this.view.message = this.#live ? vscode.l10n.t('Running: renewed every second.') : vscode.l10n.t('Running: renewed at the next stop.');
      }, runningMessageDelay);
    } else if (this.view.message) {
      this.view.message = undefined;
    }
  }
}

/** All that a steady view shows of its rows. */
async function fingerprint(rows: readonly Row[]): Promise<string> {
  const parts = await Promise.all(rows.map(async row => [JSON.stringify(row), row.children ? await fingerprint(await row.children()) : '']));
  return JSON.stringify(parts);
}

/** Draws the letters of `Row.badge`. */
export function registerBadges(): vscode.Disposable {
  return vscode.window.registerFileDecorationProvider({
    provideFileDecoration: uri => (uri.scheme === badgeScheme ? { badge: uri.query, tooltip: uri.fragment } : undefined),
  });
}
