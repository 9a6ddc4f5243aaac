/** Access rights of the flat segments that SYSCALL and SYSRET load without looking at the descriptor tables (SDM Vol. 2B). */
export const CODE64 = 0xa09b, CODE32 = 0xc09b, DATA = 0xc093, DPL3 = 3 << 5;
export const FLAT_LIMIT = 0xffffffff;
/** RFLAGS that SYSRET takes from R11: RF and VM and what is reserved are cleared. */
export const SYSRET_FLAGS = 0x3c7fd7;
