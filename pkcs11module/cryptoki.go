package pkcs11module

import (
	"encoding/binary"
	"fmt"
)

// A ReturnValue is what a C_ function answers (CK_RV). Those that are not CKR_OK
// are errors.
type ReturnValue uint64

// Return values, spelled and numbered as in PKCS#11 v3.0 (pkcs11t.h).
const (
	CKR_OK                             ReturnValue = 0x000
	CKR_SLOT_ID_INVALID                ReturnValue = 0x003
	CKR_GENERAL_ERROR                  ReturnValue = 0x005
	CKR_ARGUMENTS_BAD                  ReturnValue = 0x007
	CKR_NO_EVENT                       ReturnValue = 0x008
	CKR_ATTRIBUTE_SENSITIVE            ReturnValue = 0x011
	CKR_ATTRIBUTE_TYPE_INVALID         ReturnValue = 0x012
	CKR_ACTION_PROHIBITED              ReturnValue = 0x01B
	CKR_DATA_LEN_RANGE                 ReturnValue = 0x021
	CKR_DEVICE_ERROR                   ReturnValue = 0x030
	CKR_DEVICE_REMOVED                 ReturnValue = 0x032
	CKR_FUNCTION_NOT_SUPPORTED         ReturnValue = 0x054
	CKR_KEY_HANDLE_INVALID             ReturnValue = 0x060
	CKR_KEY_TYPE_INCONSISTENT          ReturnValue = 0x063
	CKR_MECHANISM_INVALID              ReturnValue = 0x070
	CKR_MECHANISM_PARAM_INVALID        ReturnValue = 0x071
	CKR_OBJECT_HANDLE_INVALID          ReturnValue = 0x082
	CKR_OPERATION_ACTIVE               ReturnValue = 0x090
	CKR_OPERATION_NOT_INITIALIZED      ReturnValue = 0x091
	CKR_PIN_INCORRECT                  ReturnValue = 0x0A0
	CKR_PIN_LOCKED                     ReturnValue = 0x0A4
	CKR_SESSION_CLOSED                 ReturnValue = 0x0B0
	CKR_SESSION_HANDLE_INVALID         ReturnValue = 0x0B3
	CKR_SESSION_PARALLEL_NOT_SUPPORTED ReturnValue = 0x0B4
	CKR_SESSION_READ_ONLY              ReturnValue = 0x0B5
	CKR_SESSION_READ_ONLY_EXISTS       ReturnValue = 0x0B7
	CKR_SIGNATURE_INVALID              ReturnValue = 0x0C0
	CKR_SIGNATURE_LEN_RANGE            ReturnValue = 0x0C1
	CKR_TOKEN_NOT_PRESENT              ReturnValue = 0x0E0
	CKR_USER_ALREADY_LOGGED_IN         ReturnValue = 0x100
	CKR_USER_NOT_LOGGED_IN             ReturnValue = 0x101
	CKR_USER_TYPE_INVALID              ReturnValue = 0x103
	CKR_USER_ANOTHER_ALREADY_LOGGED_IN ReturnValue = 0x104
	CKR_BUFFER_TOO_SMALL               ReturnValue = 0x150
	CKR_CRYPTOKI_NOT_INITIALIZED       ReturnValue = 0x190
)

func (r ReturnValue) Error() string { return fmt.Sprintf("return value %#x", uint64(r)) }

// Handles and identifiers. A SlotID is an index into the pool of slots.
type (
	SlotID        uint64
	SessionHandle uint64
	ObjectHandle  uint64
	Flags         uint64
	UserType      uint64
	State         uint64
)

// Flags, each for the structure or the call in its name.
const (
	CKF_TOKEN_PRESENT    Flags = 0x1
	CKF_REMOVABLE_DEVICE Flags = 0x2
	CKF_HW_SLOT          Flags = 0x4

	CKF_LOGIN_REQUIRED       Flags = 0x4
	CKF_USER_PIN_INITIALIZED Flags = 0x8
	CKF_TOKEN_INITIALIZED    Flags = 0x400
	CKF_USER_PIN_COUNT_LOW   Flags = 0x10000
	CKF_USER_PIN_FINAL_TRY   Flags = 0x20000
	CKF_USER_PIN_LOCKED      Flags = 0x40000

	CKF_RW_SESSION     Flags = 0x2
	CKF_SERIAL_SESSION Flags = 0x4

	CKF_DONT_BLOCK Flags = 0x1

	CKF_HW           Flags = 0x1
	CKF_FIND_OBJECTS Flags = 0x40
	CKF_SIGN         Flags = 0x800
	CKF_VERIFY       Flags = 0x2000
)

// Users of C_Login.
const (
	CKU_SO               UserType = 0
	CKU_USER             UserType = 1
	CKU_CONTEXT_SPECIFIC UserType = 2
)

// States of a session.
const (
	CKS_RO_PUBLIC_SESSION State = 0
	CKS_RO_USER_FUNCTIONS State = 1
	CKS_RW_PUBLIC_SESSION State = 2
	CKS_RW_USER_FUNCTIONS State = 3
)

// Unavailable is CK_UNAVAILABLE_INFORMATION, all ones in whatever size.
const Unavailable = ^uint64(0)

// An ObjectClass is a CKO_ value.
type ObjectClass uint64

// Classes of the objects on a CIE.
const (
	CKO_CERTIFICATE ObjectClass = 1
	CKO_PUBLIC_KEY  ObjectClass = 2
	CKO_PRIVATE_KEY ObjectClass = 3
	CKO_PROFILE     ObjectClass = 9
)

// Profiles that are met (PKCS#11 Profiles v3.0).
const (
	CKP_BASELINE_PROVIDER         = 1
	CKP_EXTENDED_PROVIDER         = 2
	CKP_AUTHENTICATION_TOKEN      = 3
	CKP_PUBLIC_CERTIFICATES_TOKEN = 4
)

// Values of attributes.
const (
	ckcX509              = 0
	ckkRSA               = 0
	categoryTokenUser    = 1
	categoryAuthority    = 2
	ckmRSAPKCSKeyPairGen = 0
	ckmSHA1              = 0x220
)

// An AttributeType is a CKA_ value.
type AttributeType uint64

// Attributes of the objects on a CIE.
const (
	CKA_CLASS                      AttributeType = 0x000
	CKA_TOKEN                      AttributeType = 0x001
	CKA_PRIVATE                    AttributeType = 0x002
	CKA_LABEL                      AttributeType = 0x003
	CKA_UNIQUE_ID                  AttributeType = 0x004
	CKA_VALUE                      AttributeType = 0x011
	CKA_CERTIFICATE_TYPE           AttributeType = 0x080
	CKA_ISSUER                     AttributeType = 0x081
	CKA_SERIAL_NUMBER              AttributeType = 0x082
	CKA_TRUSTED                    AttributeType = 0x086
	CKA_CERTIFICATE_CATEGORY       AttributeType = 0x087
	CKA_JAVA_MIDP_SECURITY_DOMAIN  AttributeType = 0x088
	CKA_URL                        AttributeType = 0x089
	CKA_HASH_OF_SUBJECT_PUBLIC_KEY AttributeType = 0x08A
	CKA_HASH_OF_ISSUER_PUBLIC_KEY  AttributeType = 0x08B
	CKA_NAME_HASH_ALGORITHM        AttributeType = 0x08C
	CKA_CHECK_VALUE                AttributeType = 0x090
	CKA_KEY_TYPE                   AttributeType = 0x100
	CKA_SUBJECT                    AttributeType = 0x101
	CKA_ID                         AttributeType = 0x102
	CKA_SENSITIVE                  AttributeType = 0x103
	CKA_ENCRYPT                    AttributeType = 0x104
	CKA_DECRYPT                    AttributeType = 0x105
	CKA_WRAP                       AttributeType = 0x106
	CKA_UNWRAP                     AttributeType = 0x107
	CKA_SIGN                       AttributeType = 0x108
	CKA_SIGN_RECOVER               AttributeType = 0x109
	CKA_VERIFY                     AttributeType = 0x10A
	CKA_VERIFY_RECOVER             AttributeType = 0x10B
	CKA_DERIVE                     AttributeType = 0x10C
	CKA_START_DATE                 AttributeType = 0x110
	CKA_END_DATE                   AttributeType = 0x111
	CKA_MODULUS                    AttributeType = 0x120
	CKA_MODULUS_BITS               AttributeType = 0x121
	CKA_PUBLIC_EXPONENT            AttributeType = 0x122
	CKA_PRIVATE_EXPONENT           AttributeType = 0x123
	CKA_PRIME_1                    AttributeType = 0x124
	CKA_PRIME_2                    AttributeType = 0x125
	CKA_EXPONENT_1                 AttributeType = 0x126
	CKA_EXPONENT_2                 AttributeType = 0x127
	CKA_COEFFICIENT                AttributeType = 0x128
	CKA_PUBLIC_KEY_INFO            AttributeType = 0x129
	CKA_EXTRACTABLE                AttributeType = 0x162
	CKA_LOCAL                      AttributeType = 0x163
	CKA_NEVER_EXTRACTABLE          AttributeType = 0x164
	CKA_ALWAYS_SENSITIVE           AttributeType = 0x165
	CKA_KEY_GEN_MECHANISM          AttributeType = 0x166
	CKA_MODIFIABLE                 AttributeType = 0x170
	CKA_COPYABLE                   AttributeType = 0x171
	CKA_DESTROYABLE                AttributeType = 0x172
	CKA_ALWAYS_AUTHENTICATE        AttributeType = 0x202
	CKA_WRAP_WITH_TRUSTED          AttributeType = 0x210
	CKA_PROFILE_ID                 AttributeType = 0x601
	CKA_ALLOWED_MECHANISMS         AttributeType = 0x40000600
)

// ulong is a CK_ULONG of 4 or 8 bytes as it lies in the memory of the program that asks.
func ulong(size int, v uint64) []byte {
	if size == 4 {
		return binary.NativeEndian.AppendUint32(nil, uint32(v))
	}
	return binary.NativeEndian.AppendUint64(nil, v)
}
