/** Free space on a disk of drills: unlimited, or on a full disk only the space that was freed since. */
export class FaultRoom {
  #freeBytes = Infinity;
  #freeInodes = Infinity;

  /** Takes all bytes or all inodes, or gives them back. */
  set({ full, noInodes }: { readonly full: boolean; readonly noInodes: boolean }): void {
    this.#freeBytes = full ? 0 : Infinity;
    this.#freeInodes = noInodes ? 0 : Infinity;
  }

  /** Takes space for a file that grows; returns false if there is not enough. */
  takeBytes(growth: number): boolean {
    if (growth > this.#freeBytes) return false;
    this.#freeBytes -= Math.max(0, growth);
    return true;
  }

  /** Takes an inode for a new file or directory; returns false if there is none. */
  takeInode(): boolean {
    if (this.#freeInodes < 1) return false;
    this.#freeInodes -= 1;
    return true;
  }

  /** Frees the space of a file that lost its last name. */
  giveFile(bytes: number): void {
    this.#freeBytes += bytes;
    this.#freeInodes += 1;
  }

  /** A file was cut, or made longer by a hole, which takes no room of its own. */
  resize(fromBytes: number, toBytes: number): void {
    this.#freeBytes += fromBytes - toBytes;
  }
}
