/* What library and helper say to each other: see frame.go of the helper. A helper
   of another version is not used. It may be a program for another processor: all
   numbers have 8 bytes, and FN_INITIALIZE tells it the size of a CK_ULONG, as which
   values of attributes lie in the program's memory. */

#ifndef PROTOCOL_H
#define PROTOCOL_H

#define PROTOCOL_VERSION 2

enum function {
	FN_INITIALIZE = 1,
	FN_GET_SLOT_LIST,
	FN_GET_SLOT_INFO,
	FN_GET_TOKEN_INFO,
	FN_GET_MECHANISM_LIST,
	FN_GET_MECHANISM_INFO,
	FN_OPEN_SESSION,
	FN_CLOSE_SESSION,
	FN_CLOSE_ALL_SESSIONS,
	FN_GET_SESSION_INFO,
	FN_INIT_PIN,
	FN_SET_PIN,
	FN_LOGIN,
	FN_LOGOUT,
	FN_DESTROY_OBJECT,
	FN_GET_OBJECT_SIZE,
	FN_GET_ATTRIBUTE_VALUE,
	FN_SET_ATTRIBUTE_VALUE,
	FN_FIND_OBJECTS_INIT,
	FN_FIND_OBJECTS,
	FN_FIND_OBJECTS_FINAL,
	FN_SIGN_INIT,
	FN_SIGN_END,
	FN_SIGN,
	FN_SIGN_UPDATE,
	FN_SIGN_FINAL,
	FN_VERIFY_INIT,
	FN_VERIFY_END,
	FN_VERIFY,
	FN_VERIFY_UPDATE,
	FN_WAIT_FOR_SLOT_EVENT,
	FN_SESSION_CANCEL,
	FN_CHECK_SLOT,
	FN_CHECK_SESSION,
};

#endif
