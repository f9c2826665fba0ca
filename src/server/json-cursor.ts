/**
 * Cursor over the bytes of a JSON text, from one token to the next, without building values. Where a token is not
 * found within SCAN_BYTES, the caller asks again: so it can give others their turn, however long a string or a gap
 * is.
 */
import { isUtf8 } from 'node:buffer';

/** Bytes that are scanned before a call returns. */
export const SCAN_BYTES = 64 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Place of a string's content, without its quotes. */
export interface JsonString {
  readonly start: number;
  readonly end: number;
  readonly escaped: boolean;
}

export class JsonCursor {
  readonly bytes: Buffer;
  #offset = 0;
  /** Start of the string that is being scanned. */
  #start = 0;
  #escaped = false;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Byte at the cursor; -1 at the end. */
  get byte(): number {
    return this.bytes[this.#offset] ?? -1;
  }

  /** Skips white space. Returns false if more of it may follow. */
  skipSpace(): boolean {
    const { bytes } = this;
    const limit = this.#offset + SCAN_BYTES;
    while (isSpace(bytes[this.#offset])) {
      this.#offset += 1;
      if (this.#offset === limit) return false;
    }
    return true;
  }

  /** Skips `character` if it is at the cursor. */
  take(character: string): boolean {
    if (this.byte !== character.charCodeAt(0)) return false;
    this.#offset += 1;
    return true;
  }

  /**
   * Takes a token that is neither a string nor nested: a number, or a word such as null. Returns it, cut if it is
   * long.
   */
  takeWord(): string {
    const start = this.#offset;
    while (isWordByte(this.byte) && this.#offset - start < 32) this.#offset += 1;
    return this.bytes.toString('latin1', start, this.#offset);
  }

  /** Skips the opening quote of a string. Returns false if there is none. */
  openString(): boolean {
    if (!this.take('"')) return false;
    this.#start = this.#offset;
    this.#escaped = false;
    return true;
  }

  /**
   * Skips the rest of the opened string. Returns undefined if more of it may follow, null if the bytes end inside it.
   */
  closeString(): JsonString | undefined | null {
    const { bytes } = this;
    const limit = Math.min(bytes.length, this.#offset + SCAN_BYTES);
    let offset = this.#offset;
    while (offset < limit) {
      const byte = bytes[offset];
      offset += 1;
      if (byte === QUOTE) {
        this.#offset = offset;
        return { start: this.#start, end: offset - 1, escaped: this.#escaped };
      }
      if (byte !== BACKSLASH) continue;
      this.#escaped = true;
      offset += 1;
    }
    this.#offset = offset;
    return offset < bytes.length ? undefined : null;
  }

  /** Returns the text of a short string; undefined if its bytes are not valid in JSON. */
  textOf({ start, end }: JsonString): string | undefined {
    if (!isUtf8(this.bytes.subarray(start, end))) return undefined;
    return parseText(this.bytes.toString('utf8', start, end));
  }
}

/** Parses the text between two quotes of JSON; undefined if it is invalid. */
export function parseText(content: string): string | undefined {
  try {
    return JSON.parse(`"${content}"`) as string;
  } catch {
    return undefined;
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Returns true for digits, letters, `+`, `-` and `.`. */
function isWordByte(byte: number): boolean {
  const isDigit = byte >= 0x30 && byte <= 0x39;
  const isLetter = (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a);
  return isDigit || isLetter || byte === 0x2b || byte === 0x2d || byte === 0x2e;
}
