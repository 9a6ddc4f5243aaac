import * as iced from 'iced-x86';

/**
 * The library that decodes and prints instructions. Its enumerations may be imported as usual: a build puts in their numbers. All
 * else is reached by this function, and a build loads the library when it is first called (scripts/lib/icedEnums.mjs).
 */
export function library(): typeof iced { return iced; }

/** iced's name of a mnemonic, for messages. */
export function mnemonicName(mnemonic: iced.Mnemonic): string { return library().Mnemonic[mnemonic]!; }
/** iced's name of an instruction form. */
export function codeName(code: iced.Code): string { return library().Code[code]!; }
