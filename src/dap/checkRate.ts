/** When the rules of KAISER are checked while a machine runs: at entries, CR3 writes of entry code and exits, or after every step as well. */
export type CheckRate = 'entries' | 'instructions';
export const checkRates: readonly CheckRate[] = ['entries', 'instructions'];
