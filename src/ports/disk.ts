/**
 * The file system that the log uses.
 *
 * Durability: nothing is durable before a sync. A file's bytes are, once `sync` or `writeDurable`
 * resolved; a created, renamed or removed name is, once `syncDir` of its directory resolved.
 * Any failure is thrown as a WalshipError with path and operation in its details and the system's error as cause
 * (disk-errors.ts): the disk accepts no writes now (DISK_FULL, DISK_QUOTA, DISK_READ_ONLY, DISK_DENIED,
 * NO_DESCRIPTORS), or it failed (DISK_FAILED, PATH_UNUSABLE).
 * A write is whole or it throws.
 */
export interface Disk {
  /**
   * `create` makes a new empty file (or empties an old one) for reading and writing, `write` opens an existing
   * one for reading and writing, `read` for reading only.
   */
  open(path: string, mode: 'create' | 'write' | 'read'): Promise<DiskFile>;
  /** Names in a directory, sorted; empty if the directory does not exist. */
  list(path: string): Promise<readonly string[]>;
  /** Creates the directory and its missing parents; the name of each is durable on resolve. */
  makeDir(path: string): Promise<void>;
  /** Renames a file and atomically replaces an existing `target`; not durable before `syncDir`. */
  rename(source: string, target: string): Promise<void>;
  /** Removes a file; not durable before `syncDir`. */
  remove(path: string): Promise<void>;
  /** Makes the names in a directory durable. */
  syncDir(path: string): Promise<void>;
  /**
   * Takes the lock of the file at `path` and creates the file if it is absent. The kernel frees the lock when the process dies.
   * @throws WalshipError DATA_DIR_LOCKED, which names the holder if it is known.
   */
  lock(path: string): Promise<DiskLock>;
}

export interface DiskFile {
  /** Size in bytes. */
  size(): Promise<number>;
  /** Fills `target` from `position`; resolves with the number of bytes read, which is smaller only at the end of the file. */
  read(target: Buffer, position: number): Promise<number>;
  /** Writes all of `source` at `position`; not durable. */
  write(source: Buffer, position: number): Promise<void>;
  /**
   * Writes all of `source`, or several buffers one after the other, at `position`; durable on resolve. One system call in one
   * hop to the thread pool.
   */
  writeDurable(source: Buffer | readonly Buffer[], position: number): Promise<void>;
  /** Makes the file's bytes and size durable. */
  sync(): Promise<void>;
  /** Sets the size; not durable before `sync`. */
  truncate(bytes: number): Promise<void>;
  /** Closes the file; idempotent. */
  close(): Promise<void>;
}

export interface DiskLock {
  /** Releases the lock; idempotent. */
  release(): Promise<void>;
}
