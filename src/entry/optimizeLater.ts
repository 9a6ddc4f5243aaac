import { setFlagsFromString } from 'node:v8';

/**
 * Lets V8 wait until a function has run about eight times as long as usual before it optimizes it, and a function of WebAssembly twice as long as V8 12
 * (sixteen times as long as V8 11). A boot to a shell takes 0.1 s, in which V8 otherwise spends as much again on optimizing functions that are about to
 * be done; a long run notices nothing of it. Nothing is done for versions that may not know the flags.
 */
export function optimizeLater(): void {
  const major = parseInt(process.versions.v8 ?? '', 10);
  if (major === 10 || major === 11) setFlagsFromString('--interrupt-budget=540000');
  else if (major === 12) setFlagsFromString('--invocation-count-for-turbofan=24000');
  if (major >= 11 && major <= 12) setFlagsFromString('--wasm-tiering-budget=28000000');
}
