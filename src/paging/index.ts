export * from './bits.js';
export { pagingModeOf, type PagingMode } from './mode.js';
export { decodeAttributes, type PageAttributes } from './attributes.js';
export { PAGE_SIZE, type PhysicalReader, readerOf, readWord } from './physical.js';
export { type Access, type AccessCheck, checkAccess, type EffectiveRights, isCanonical, levels, type RightLimits, rootOf, saying, type Walk, walk, type WalkResult, type WalkStep } from './walk.js';
export { translate, type Translation } from './translate.js';
export { linearAddress, listRanges, listTable, type ListOptions, type PageRange, type RangeOptions, type Ranges, type TableRow } from './ranges.js';
export { type Difference, type DiffOptions, type DiffRange, diffTables, type TableDiff } from './diff.js';
export * from './render.js';
