/** The characters that JSON is taken apart by; bytes of UTF-8 and code units have the same. */

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const BACKSLASH = 0x5c;
/** With this bit set a bracket is a brace. */
export const BRACE_BIT = 0x20;
export const BRACE_OPEN = 0x7b;
export const BRACE_CLOSE = 0x7d;
