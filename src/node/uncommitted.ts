/** Log bytes that were given an LSN and are not committed yet: the bound on what a stalled cluster can pile up. */
export class Uncommitted {
  #writes: { readonly lsn: number; readonly bytes: number }[] = [];
  #start = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(lsn: number, bytes: number): void {
    this.#writes.push({ lsn, bytes });
    this.#bytes += bytes;
  }

  committed(lsn: number): void {
    let next = this.#writes[this.#start];
    while (next !== undefined && next.lsn <= lsn) {
      this.#bytes -= next.bytes;
      this.#start += 1;
      next = this.#writes[this.#start];
    }
    if (this.#start > 1024 && this.#start > this.#writes.length / 2) {
      this.#writes = this.#writes.slice(this.#start);
      this.#start = 0;
    }
  }
}
