/** Room on a disk of drills: unlimited, or on a full disk only the room that was given back since. */
export class FaultRoom {
  #freeBytes = Infinity;
  #freeInodes = Infinity;

  /** Others take all bytes, all inodes, or give them back. */
  set({ full, noInodes }: { readonly full: boolean; readonly noInodes: boolean }): void {
    this.#freeBytes = full ? 0 : Infinity;
    this.#freeInodes = noInodes ? 0 : Infinity;
  }

  /** Takes room for a file that grows; false where there is not enough. */
  takeBytes(growth: number): boolean {
    if (growth > this.#freeBytes) return false;
    this.#freeBytes -= Math.max(0, growth);
    return true;
  }

  /** Takes room for a new file or directory; false where there is none. */
  takeInode(): boolean {
    if (this.#freeInodes < 1) return false;
    this.#freeInodes -= 1;
    return true;
  }

  /** A file of so many bytes lost its last name. */
  giveFile(bytes: number): void {
    this.#freeBytes += bytes;
    this.#freeInodes += 1;
  }

  /** A file was cut, or made longer by a hole, which takes no room of its own. */
  resize(fromBytes: number, toBytes: number): void {
    this.#freeBytes += fromBytes - toBytes;
  }
}
