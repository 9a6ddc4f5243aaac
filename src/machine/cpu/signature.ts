/**
 * Family, model and stepping as CPUID leaf 1 EAX gives them and EDX holds after reset: family 6, model 0x5e (a client
 * core of the time that KAISER was written for), stepping 3.
 */
export const SIGNATURE = 0x000506e3;
