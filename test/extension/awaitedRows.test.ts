import { describe, expect, it } from 'vitest';
import { AwaitedRows } from '../../src/extension/views/awaitedRows.js';
import type { Row } from '../../src/extension/views/row.js';

const row = (id: string, expanded = false): Row => ({ id, label: id, icon: 'chip', expanded, children: () => [] });

describe('the rows that the editor is about to ask for', () => {
  it('are those that say that they are expanded, until it has asked', () => {
    const awaited = new AwaitedRows(), open = row('open', true);
    awaited.begin();
    awaited.given([open, row('folded'), { id: 'leaf', label: 'leaf', icon: 'chip', expanded: true }]);
    expect(awaited.isComplete).toBe(false);
    awaited.asked(open);
    expect(awaited.isComplete).toBe(true);
  });

  it('follow what the user has expanded and folded, also for rows made anew', () => {
    const awaited = new AwaitedRows();
    awaited.set(row('open', true), false);
    awaited.set(row('folded'), true);
    awaited.given([row('open', true)]);
    expect(awaited.isComplete).toBe(true);
    awaited.given([row('folded')]);
    expect(awaited.isComplete).toBe(false);
  });

  it('a row that is folded while it is awaited is awaited no more', () => {
    const awaited = new AwaitedRows(), open = row('open', true);
    awaited.given([open]);
    awaited.set(open, false);
    expect(awaited.isComplete).toBe(true);
  });

  it('are all of them from the moment that it is told to begin again', () => {
    const awaited = new AwaitedRows();
    awaited.told();
    expect(awaited.isComplete).toBe(false);
    awaited.begin();
    expect(awaited.isComplete).toBe(true);
  });

  it('begin again with the view', () => {
    const awaited = new AwaitedRows();
    awaited.given([row('open', true)]);
    awaited.begin();
    expect(awaited.isComplete).toBe(true);
    awaited.set(row('open', true), false);
    awaited.forget();
    awaited.given([row('open', true)]);
    expect(awaited.isComplete).toBe(false);
  });

  it('a question about an earlier row of the same place is none about the one that is shown', () => {
    const awaited = new AwaitedRows(), earlier = row('open', true), shown = row('open', true);
    awaited.given([earlier]);
    awaited.begin();
    awaited.given([shown]);
    awaited.asked(earlier);
    expect(awaited.isComplete).toBe(false);
    awaited.asked(shown);
    expect(awaited.isComplete).toBe(true);
  });
});
