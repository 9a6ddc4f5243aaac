/** A measurement of KAISER on a processor, as one system call with it divided by one without. */
export interface Published {
  what: string;
  source: string;
  /** Time of a system call with KAISER off and on, with PCID and without, in `unit`. */
  off: number;
  pcid?: number;
  nopcid?: number;
  unit: 'cycles' | 'ns';
}

/** What has been published about single system calls. */
export const published: readonly Published[] = [
  { what: 'system call that does nothing, Skylake', source: 'Mi et al., SkyBridge, EuroSys 2019', off: 181, pcid: 431, unit: 'cycles' },
  { what: 'lseek in a loop', source: 'D. Hansen, cover letter of the KAISER series, November 2017 (5.2, 3.0 and 2.2 million a second)', off: 192, pcid: 333, nopcid: 455, unit: 'ns' },
  { what: 'getppid, Haswell, FreeBSD', source: 'FreeBSD review D13985', off: 339, pcid: 478, unit: 'ns' },
];

/** What has been published about programs, in words. */
export const programs: readonly { finding: string; source: string }[] = [
  { finding: '2 % at 50,000 system calls a second and CPU, below 0.5 % under 10,000', source: 'B. Gregg, KPTI/KAISER Meltdown Initial Performance Regressions, 2018' },
  { finding: 'at 5,000 system calls a second and 100 MB: 2.1 % without PCID, 0.5 % with it; above 800 % at the worst point without PCID', source: 'the same' },
  { finding: 'about 5 % for most programs, 30 % at worst', source: 'D. Hansen, cover letter' },
  { finding: '7 to 17 % for a read-only database with PCID, 16 to 23 % without', source: 'measurements of PostgreSQL, December 2017' },
];
