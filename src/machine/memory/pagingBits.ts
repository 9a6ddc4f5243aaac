/** Bits of a paging-structure entry (SDM Vol. 3A, tables 4-15 to 4-20). */
export const PTE_P = 1, PTE_RW = 2, PTE_US = 4, PTE_PWT = 8, PTE_PCD = 16, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100;
/** Page-fault error code bits (SDM Vol. 3A, 4.7). */
export const PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16, PF_PK = 32;

/** Physical address bits 51:40 as they stand in an entry's high half: reserved, since MAXPHYADDR is 40. */
export const RESERVED_HIGH = 0x000fff00;
/** U/S in the number W | U << 1 | NX << 2 that rights have. */
export const US_RIGHT = 2;

/** What a walk gives when the access is allowed; other results are error code bits of the page fault. */
export const WALK_OK = -1;
