import { expect, it } from 'vitest';
import { type Benchmark, figure, markdown, median, summarize, verdict } from '../../bench/benchmark.js';

const benchmark = (better: 'less' | 'more'): Benchmark => ({
  id: 'x', work: 'some work', unit: 'ns', better, target: '2 times as fast', met: (_, ratio) => (ratio ?? 0) >= 2, measure: () => ({ ours: 1 }),
});

it('the ratio is the median of the rounds\' ratios, by how many times ours is better', () => {
  const samples = [{ ours: 10, qemu: 30 }, { ours: 20, qemu: 20 }, { ours: 5, qemu: 50 }];
  expect(summarize(benchmark('less'), samples)).toMatchObject({ ours: 10, qemu: 30, ratio: 3 });
  expect(summarize(benchmark('more'), samples)).toMatchObject({ ratio: 1 / 3 });
  expect(summarize(benchmark('less'), [{ ours: 4 }])).toMatchObject({ ours: 4, qemu: undefined, ratio: undefined });
  expect(median([3, 1, 2, 10])).toBe(2.5);
});

it('a row is ok, missed, failed, or has no target', () => {
  const row = summarize(benchmark('less'), [{ ours: 10, qemu: 20 }]);
  expect([verdict(row), verdict({ ...row, ratio: 1.9 }), verdict({ ...row, failed: 'no QEMU' }), verdict({ ...row, benchmark: { ...row.benchmark, met: undefined } })]).toEqual(['ok', 'missed', 'failed', '']);
  expect(markdown([row]).split('\n')).toHaveLength(3);
});

it('figures have three digits that count', () => {
  expect([0.12345, 1.005, 12.35, 140, 700, 1234567, undefined].map(figure)).toEqual(['0.123', '1', '12.3', '140', '700', '1,234,567', '']);
});
