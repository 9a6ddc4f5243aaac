import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { installFolder } from './runCli.js';

/** Figures that come from running the guest may differ so much, as a part of them: another compiler makes another kernel. */
const TOLERANCE = 0.15;
const FIGURE = /\d[\d,]*(?:\.\d+)?/g;

/**
 * A document with measured figures: with `vitest -u` it is written; else that in the repository must say the same, and its figures must be close.
 * @param file from the project's folder
 * @param leaveOut lines that may differ altogether
 */
export async function expectMeasured(text: string, file: string, leaveOut: (line: string) => boolean = () => false): Promise<void> {
  const { snapshotState } = expect.getState();
  if ((snapshotState as unknown as { _updateSnapshot: string })._updateSnapshot === 'all') {
    await expect(text).toMatchFileSnapshot(path.join(installFolder, file));
    return;
  }
  const lines = (of: string): string[] => of.split('\n').filter(line => !leaveOut(line));
  const now = lines(text), kept = lines(readFileSync(path.join(installFolder, file), 'utf8'));
  expect(now.map(words)).toEqual(kept.map(words));
  now.forEach((line, n) => {
    const figures = figuresOf(line), others = figuresOf(kept[n]!);
    figures.forEach((figure, k) => expect(isClose(figure, others[k]!), `${file}: ${figure} in "${line}" was ${others[k]}`).toBe(true));
  });
}

/** Without figures, and without the widths that go by them. */
function words(line: string): string { return line.replace(FIGURE, '#').replace(/ +/g, ' '); }
function figuresOf(line: string): number[] { return (line.match(FIGURE) ?? []).map(figure => Number(figure.replaceAll(',', ''))); }
function isClose(a: number, b: number): boolean { return Math.abs(a - b) <= Math.max(TOLERANCE * Math.max(Math.abs(a), Math.abs(b)), 0.5); }
