#include "textflag.h"

// func clearRegisters(wide bool)
//
// All but the stack's, R14 (the goroutine), and AX and CX, which hold the argument.
TEXT ·clearRegisters(SB), NOSPLIT, $0-1
	XORL BX, BX
	XORL DX, DX
	XORL SI, SI
	XORL DI, DI
	XORL R8, R8
	XORL R9, R9
	XORL R10, R10
	XORL R11, R11
	XORL R12, R12
	XORL R13, R13
	XORL R15, R15
	XORL CX, CX
	MOVBLZX wide+0(FP), AX
	TESTL AX, AX
	JEQ narrow
	VZEROALL
	RET
narrow:
	PXOR X0, X0
	PXOR X1, X1
	PXOR X2, X2
	PXOR X3, X3
	PXOR X4, X4
	PXOR X5, X5
	PXOR X6, X6
	PXOR X7, X7
	PXOR X8, X8
	PXOR X9, X9
	PXOR X10, X10
	PXOR X11, X11
	PXOR X12, X12
	PXOR X13, X13
	PXOR X14, X14
	PXOR X15, X15
	RET
