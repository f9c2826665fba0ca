/** The files of a node whose data directory is a volume of docker: on the host where they can be reached there, else from within a container. */
import { constants } from 'node:fs';
import { access, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { SeededEntropy } from '../../ports/seeded-entropy.ts';
import { command } from './docker.ts';
import type { DownFault } from './file-faults.ts';
import { damageFiles } from './file-faults.ts';

/** Directory for copies in the volumes of the nodes; its files belong to the user of the image. */
const COPY_DIR = '/home/node';

/** Runs in a container of the image, which has the same code. */
const DAMAGE_SCRIPT = `
import { damageFiles } from '/app/dist/drill/target/file-faults.js';
import { SeededEntropy } from '/app/dist/ports/seeded-entropy.js';
const { fault, seed } = JSON.parse(process.argv[1]);
const node = { dir: '/data', copyDir: '${COPY_DIR}/copy', entropy: new SeededEntropy(seed) };
process.stdout.write(await damageFiles(fault, node));
`;

export interface VolumeOptions {
  /** The name of the volume. */
  readonly volume: string;
  readonly image: string;
  /** A directory for copies and the like, which may be absent. */
  readonly workDir: string;
  /** False: as on a host where volumes cannot be reached. */
  readonly onHost: boolean;
}

export class VolumeFiles {
  readonly #options: VolumeOptions;

  constructor(options: VolumeOptions) {
    this.#options = options;
  }

  /** Says what was done. @throws WalshipError DRILL_FAILED. */
  async damage(fault: DownFault, seed: number): Promise<string> {
    const dir = await this.#mountpoint();
    if (dir !== undefined) {
      const copyDir = path.join(this.#options.workDir, 'copy');
      return await damageFiles(fault, { dir, copyDir, entropy: new SeededEntropy(seed) });
    }
    const { volume, image } = this.#options;
    const volumes = ['--volume', `${volume}:/data`, '--volume', `${this.#copyVolume}:${COPY_DIR}`];
    const run = ['docker', 'run', '--rm', '--network', 'none', ...volumes, '--entrypoint', 'node'];
    const program = ['--input-type=module', '--eval', DAMAGE_SCRIPT];
    return await command([...run, image, ...program, JSON.stringify({ fault, seed })]);
  }

  /** The data directory, or a copy of it, of the node in this container, which is down. */
  async dir(containerId: string): Promise<string> {
    const mountpoint = await this.#mountpoint();
    if (mountpoint !== undefined) return mountpoint;
    const dir = path.join(this.#options.workDir, 'data');
    await rm(dir, { recursive: true, force: true });
    await mkdir(dir, { recursive: true });
    await command(['docker', 'cp', `${containerId}:/data/.`, dir]);
    return dir;
  }

  /** Removes the volume for copies. */
  async remove(): Promise<void> {
    await command(['docker', 'volume', 'rm', '--force', this.#copyVolume]);
  }

  get #copyVolume(): string {
    return `${this.#options.volume}-copy`;
  }

  async #mountpoint(): Promise<string | undefined> {
    const { volume, onHost } = this.#options;
    if (!onHost) return undefined;
    const inspect = ['docker', 'volume', 'inspect', '--format', '{{.Mountpoint}}', volume];
    const dir = (await command(inspect)).trim();
    try {
      await access(dir, constants.R_OK | constants.W_OK);
      return dir;
    } catch {
      return undefined;
    }
  }
}
