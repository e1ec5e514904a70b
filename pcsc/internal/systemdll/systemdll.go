// Package systemdll makes Windows look for libraries in its system folder only,
// before github.com/ebfe/scard loads winscard.dll. On other systems it is empty.
//
// scard loads the library in its own init, by bare name, and by default Windows
// looks beside the program first: whoever can write there would be asked for the
// card. The only moment before that init is another init. Go initialises, of the
// packages that are ready, the first by import path (Go specification, "Program
// initialization"); this one imports syscall and unsafe only and so is ready
// before fmt and os, which scard has to wait for. Keep it so.
package systemdll
