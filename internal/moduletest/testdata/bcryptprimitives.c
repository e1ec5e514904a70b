/* The DLL with the system's random numbers, which Go needs and which the wine of
   Debian 12 (8.0) does not have. For tests under wine only. */

#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID data, ULONG length); /* RtlGenRandom */

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) { return SystemFunction036(data, (ULONG)length); }
