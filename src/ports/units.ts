/** Bytes in a kibibyte and in a mebibyte. */
export const KiB = 1024;
export const MiB = 1024 * KiB;
