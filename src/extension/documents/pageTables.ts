import * as vscode from 'vscode';
import type { SessionModel } from '../sessionModel.js';

/** Scheme of the read-only documents that show page tables and walks. */
export const pageTableScheme = 'kaiser-pt';

/** What a document shows: one table, or the walk to an address through the tables named. */
export type PageTableQuery =
  | { show: 'table'; root: string; cpu?: number }
  | { show: 'walk'; address: string; cpu: number; roots: { name: string; root?: string }[] };

/**
 * Page tables as text, so that search, copy and comparison come from the editor. A document follows the machine: it is
 * written again at every stop of the session that it belongs to, and keeps its last text when that ends.
 */
export class PageTableDocuments implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;
  readonly #disposables: vscode.Disposable[];
  readonly #model: SessionModel;
  readonly #last = new Map<string, string>();

  constructor(model: SessionModel) {
    this.#model = model;
    this.#disposables = [
      this.#changed,
      vscode.workspace.registerTextDocumentContentProvider(pageTableScheme, this),
      vscode.workspace.onDidCloseTextDocument(document => this.#last.delete(document.uri.toString())),
      model.onDidChange(() => {
        if (model.state !== 'stopped') return;
        for (const { uri } of vscode.workspace.textDocuments) if (uri.scheme === pageTableScheme) this.#changed.fire(uri);
      }),
    ];
  }

  /** The document of a query in the focused session; `title` is the name on its tab. */
  uri(title: string, query: PageTableQuery): vscode.Uri {
    return vscode.Uri.from({
      scheme: pageTableScheme, path: `/${title}`, query: JSON.stringify(query), fragment: this.#model.session?.id,
    });
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const key = uri.toString();
    if (this.#model.session?.id === uri.fragment) {
      try {
        this.#last.set(key, await this.#text(JSON.parse(uri.query) as PageTableQuery));
      } catch (error) {
        return this.#last.get(key) ?? (error instanceof Error ? error.message : String(error));
      }
    }
    return this.#last.get(key) ?? vscode.l10n.t('The session that this table belongs to has ended.');
  }

  dispose(): void {
    for (const disposable of this.#disposables) disposable.dispose();
  }

  async #text(query: PageTableQuery): Promise<string> {
    if (query.show === 'table') return (await this.#model.ask('kaiserscope/tableText', { root: query.root, cpu: query.cpu })).text;
    const parts = await Promise.all(query.roots.map(async ({ name, root }) => {
      const { text } = await this.#model.ask('kaiserscope/walk', { address: query.address, root, cpu: query.cpu });
      return `${name}\n${text.trimEnd()}\n`;
    }));
    return parts.join('\n');
  }
}
