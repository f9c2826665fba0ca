/**
 * Goes through the bytes of a JSON text from one token to the next, without building anything. A place that is not found within
 * SCAN_BYTES is asked for again: so the caller can let others have their turn, however long a string or a gap is.
 */
import { isUtf8 } from 'node:buffer';

/** Bytes that are looked at before a call returns. */
export const SCAN_BYTES = 64 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Where the content of a string lies, without its quotes. */
export interface JsonString {
  readonly start: number;
  readonly end: number;
  readonly escaped: boolean;
}

export class JsonCursor {
  readonly bytes: Buffer;
  #offset = 0;
  /** Of the string that is gone through. */
  #start = 0;
  #escaped = false;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get offset(): number {
    return this.#offset;
  }

  /** The byte here; -1 at the end. */
  get byte(): number {
    return this.bytes[this.#offset] ?? -1;
  }

  /** Goes past white space. False where more of it may follow. */
  skipSpace(): boolean {
    const { bytes } = this;
    const limit = this.#offset + SCAN_BYTES;
    while (isSpace(bytes[this.#offset])) {
      this.#offset += 1;
      if (this.#offset === limit) return false;
    }
    return true;
  }

  /** Goes past `character` where that is what stands here. */
  take(character: string): boolean {
    if (this.byte !== character.charCodeAt(0)) return false;
    this.#offset += 1;
    return true;
  }

  /** Goes past what is neither a string nor nested: a number, or a word such as null. Returns it, cut where it is long. */
  takeWord(): string {
    const start = this.#offset;
    while (isWordByte(this.byte) && this.#offset - start < 32) this.#offset += 1;
    return this.bytes.toString('latin1', start, this.#offset);
  }

  /** Goes past the quote that opens a string. False where there is none. */
  openString(): boolean {
    if (!this.take('"')) return false;
    this.#start = this.#offset;
    this.#escaped = false;
    return true;
  }

  /** Goes past the rest of the string that was opened. Undefined where more of it may follow; null where the bytes end inside it. */
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

  /** The text of a short string. Undefined where its bytes are none of JSON. */
  textOf({ start, end }: JsonString): string | undefined {
    if (!isUtf8(this.bytes.subarray(start, end))) return undefined;
    return parseText(this.bytes.toString('utf8', start, end));
  }
}

/** The text that stands between two quotes in JSON; undefined where that is none. */
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

/** Digits, letters, `+`, `-` and `.`. */
function isWordByte(byte: number): boolean {
  const isDigit = byte >= 0x30 && byte <= 0x39;
  const isLetter = (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a);
  return isDigit || isLetter || byte === 0x2b || byte === 0x2d || byte === 0x2e;
}
