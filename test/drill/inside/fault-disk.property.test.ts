/**
 * Goal: a power cut leaves of real files what a disk may hold: what was synced as it was, of all else each block, size and name old or new, and
 * never anything that was not there before.
 * Method: random operations on a real directory under a seed, a power cut, and a model that knows of each name which files, and of each block of
 * these which contents, it may have.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DiskFile } from '../../../src/ports/disk.ts';
import { FaultDisk } from '../../../src/drill/inside/disk/fault-disk.ts';
import { NodeDisk } from '../../../src/ports/node-disk.ts';
import { SeededEntropy } from '../../../src/ports/seeded-entropy.ts';

const BLOCK = 512;
const BLOCKS = 6;
const BYTES = BLOCK * BLOCKS;
const OPERATIONS = 40;

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'walship-fault-'));
});
afterEach(async () => await rm(dir, { recursive: true, force: true }));

/** What one file may hold after a power cut: the newest last. */
class FileModel {
  readonly blocks = Array.from({ length: BLOCKS }, () => [Buffer.alloc(BLOCK)]);
  sizes = [0];

  get size(): number {
    return this.sizes.at(-1) ?? 0;
  }

  write(source: Buffer, position: number): void {
    for (let block = 0; block < BLOCKS; block += 1) {
      const start = block * BLOCK;
      const from = Math.max(start, position);
      const to = Math.min(start + BLOCK, position + source.length);
      if (to <= from) continue;
      const bytes = Buffer.from(this.#newest(block));
      source.copy(bytes, from - start, from - position, to - position);
      this.blocks[block]?.push(bytes);
    }
    if (position + source.length > this.size) this.sizes.push(position + source.length);
  }

  truncate(size: number): void {
    if (size < this.size) {
      for (let block = Math.floor(size / BLOCK); block < BLOCKS; block += 1) {
        const bytes = Buffer.from(this.#newest(block));
        bytes.fill(0, Math.max(0, size - block * BLOCK));
        this.blocks[block]?.push(bytes);
      }
    }
    this.sizes.push(size);
  }

  sync(from = 0, to = BYTES): void {
    for (let block = Math.floor(from / BLOCK); block * BLOCK < to; block += 1) {
      const may = this.blocks[block];
      may?.splice(0, may.length - 1);
    }
    this.sizes = [this.size];
    this.#forget();
  }

  /** Why it cannot hold these bytes; undefined where it can. */
  objection(bytes: Buffer): string | undefined {
    const [low, high] = [Math.min(...this.sizes), Math.max(...this.sizes)];
    if (bytes.length < low || bytes.length > high) {
      return `${bytes.length} bytes, may have ${low} to ${high}`;
    }
    for (const [block, may] of this.blocks.entries()) {
      const found = bytes.subarray(block * BLOCK, (block + 1) * BLOCK);
      if (may.some((option) => option.subarray(0, found.length).equals(found))) continue;
      return `block ${block} is none of ${may.length} contents`;
    }
    return undefined;
  }

  #newest(block: number): Buffer {
    return this.blocks[block]?.at(-1) ?? Buffer.alloc(0);
  }

  /** What is durably cut off is never seen again. */
  #forget(): void {
    for (const [block, may] of this.blocks.entries()) {
      const left = Math.max(0, Math.min(BLOCK, this.size - block * BLOCK));
      for (const option of may) option.fill(0, left);
    }
  }
}

/** What a directory may hold: of each name the files, undefined: none; the newest last. */
class NamesModel {
  readonly may = new Map<string, (FileModel | undefined)[]>();

  at(path: string): FileModel | undefined {
    return this.may.get(path)?.at(-1);
  }

  set(path: string, file: FileModel | undefined): void {
    const files = this.may.get(path) ?? [undefined];
    files.push(file);
    this.may.set(path, files);
  }

  syncDir(directory: string): void {
    for (const [path, files] of this.may) {
      if (dirname(path) === directory) files.splice(0, files.length - 1);
    }
  }
}

/** A random life on a disk, in the files and in the model. */
class Life {
  readonly model = new NamesModel();
  readonly done: string[] = [];
  readonly #disk: FaultDisk;
  readonly #entropy: SeededEntropy;
  readonly #open: { file: DiskFile; model: FileModel; name: string }[] = [];
  readonly #paths: readonly string[];
  #fill = 0;

  constructor(disk: FaultDisk, entropy: SeededEntropy, paths: readonly string[]) {
    this.#disk = disk;
    this.#entropy = entropy;
    this.#paths = paths;
  }

  async step(): Promise<void> {
    const entropy = this.#entropy;
    const path = entropy.pick(this.#paths);
    const isThere = this.model.at(path) !== undefined;
    const kind = entropy.pick(STEPS);
    if (kind === 'create') await this.#create(path);
    else if (kind === 'syncDir') {
      this.done.push(`syncDir of ${path}`);
      await this.#disk.syncDir(dirname(path));
      this.model.syncDir(dirname(path));
    } else if (kind === 'rename' && isThere) await this.#rename(path, entropy.pick(this.#paths));
    else if (kind === 'remove' && isThere) {
      this.done.push(`remove ${path}`);
      await this.#disk.remove(path);
      this.model.set(path, undefined);
    } else if (this.#open.length > 0) await this.#change(entropy.pick(this.#open));
  }

  async #create(path: string): Promise<void> {
    this.done.push(`create ${path}`);
    const file = await this.#disk.open(path, 'create');
    const known = this.model.at(path);
    const model = known ?? new FileModel();
    if (known === undefined) this.model.set(path, model);
    else model.truncate(0);
    this.#open.push({ file, model, name: path });
  }

  async #rename(source: string, target: string): Promise<void> {
    this.done.push(`rename ${source} to ${target}`);
    await this.#disk.rename(source, target);
    const model = this.model.at(source);
    if (source === target) return;
    this.model.set(target, model);
    this.model.set(source, undefined);
  }

  async #change({ file, model, name }: { file: DiskFile; model: FileModel; name: string }) {
    const entropy = this.#entropy;
    const kind = entropy.pick(['write', 'write', 'writeDurable', 'truncate', 'sync'] as const);
    const position = entropy.below(BYTES - 1);
    if (kind === 'sync') {
      this.done.push(`sync ${name}`);
      await file.sync();
      model.sync();
    } else if (kind === 'truncate') {
      this.done.push(`truncate ${name} to ${position}`);
      await file.truncate(position);
      model.truncate(position);
    } else {
      this.#fill = (this.#fill % 255) + 1;
      const bytes = Buffer.alloc(1 + entropy.below(BYTES - position), this.#fill);
      this.done.push(`${kind} ${name} @${position} +${bytes.length}: ${this.#fill}`);
      await file[kind](bytes, position);
      model.write(bytes, position);
      if (kind === 'writeDurable') model.sync(position, position + bytes.length);
    }
  }
}

const STEPS = ['create', 'syncDir', 'rename', 'remove', 'change', 'change', 'change', 'change'];

describe('a power cut after random operations', () => {
  test.for(Array.from({ length: 100 }, (_, seed) => seed))('seed %i', async (seed) => {
    const directories = ['wal', 'snapshots'].map((name) => join(dir, name));
    for (const directory of directories) mkdirSync(directory);
    const paths = directories.flatMap((directory) =>
      ['a', 'b', 'c'].map((n) => join(directory, n)),
    );
    const disk = FaultDisk.open(new NodeDisk(), dir);
    const life = new Life(disk, new SeededEntropy(seed), paths);
    for (let count = 0; count < OPERATIONS; count += 1) await life.step();

    await disk.powerCut(new SeededEntropy(seed).fork('power cut'));

    const hint = `seed ${seed}:\n${life.done.join('\n')}`;
    expect(readdirSync(dir).toSorted()).toEqual(['snapshots', 'wal']);
    const found = directories.flatMap((at) => readdirSync(at).map((name) => join(at, name)));
    for (const path of paths) {
      const may = life.model.may.get(path) ?? [undefined];
      if (!found.includes(path)) {
        expect(may.includes(undefined), `${path} is gone; ${hint}`).toBe(true);
        continue;
      }
      const bytes = readFileSync(path);
      const objections = may.map((file) => (file === undefined ? 'absent' : file.objection(bytes)));
      expect(objections.includes(undefined), `${path}: ${objections.join('; ')}; ${hint}`).toBe(
        true,
      );
    }
  });
});
