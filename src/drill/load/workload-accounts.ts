import { WalshipError } from '../../errors.ts';
import type { SeededEntropy } from '../../ports/seeded-entropy.ts';
import type { Version } from '../../wal/format/position.ts';
import type { LoadContext, LoadPart } from './load-context.ts';
import { Pace } from './pace.ts';
import type { AccountsRead, AccountsSetup, Transfer } from '../recording/recording.ts';

export const ACCOUNTS = 10;
export const ACCOUNT_BALANCE = 100;
/**
 * Number of tellers, each with a session of its own; together 20 transfers a second, and as many reads of all
 * accounts.
 */
export const TELLERS = 2;
export const TRANSFER_EVERY_MS = 100;
const IN_FLIGHT_MAX = 4;
const AMOUNT_MAX = 20;
const READ_TIMEOUT_MS = 500;
const WRITE_TIMEOUT_MS = 2_000;
const SETUP_TIMEOUT_MS = 20_000;
/** Id in the values of the setup. */
export const SETUP_ID = 'made';

/** Transfers between accounts: the sum never changes, whichever node is asked, and whenever. */
export class AccountsWorkload implements LoadPart {
  readonly transfers: Transfer[] = [];
  readonly reads: AccountsRead[] = [];
  readonly #context: LoadContext;
  readonly #names: readonly string[];
  readonly #paces: readonly Pace[];
  readonly #entropy: SeededEntropy;
  readonly #pending = new Map<string, Pending>();
  #version: Version | undefined;
  #count = 0;

  constructor(context: LoadContext) {
    this.#context = context;
    this.#entropy = context.entropy.fork('accounts');
    const digits = String(ACCOUNTS - 1).length;
    this.#names = Array.from(
      { length: ACCOUNTS },
      (_, index) => `${context.prefix}acct/${String(index).padStart(digits, '0')}`,
    );
    this.#paces = Array.from({ length: TELLERS }, (_, index) => {
      const begin = async (): Promise<void> => await this.#transfer(`t${index + 1}`);
      return new Pace({ everyMs: TRANSFER_EVERY_MS, inFlightMax: IN_FLIGHT_MAX, begin });
    });
  }

  get setup(): AccountsSetup {
    return { names: this.#names, balance: ACCOUNT_BALANCE, version: this.#version };
  }

  /** Transfers, including those that did not return. */
  get all(): readonly Transfer[] {
    const open = [...this.#pending.values()].map((transfer) => ({
      ...transfer,
      returnedAt: Number.POSITIVE_INFINITY,
      end: 'indeterminate' as const,
      version: undefined,
    }));
    return [...this.transfers, ...open];
  }

  /** Creates the accounts. @throws WalshipError DRILL_FAILED if that is not acknowledged. */
  async prepare(): Promise<void> {
    const answer = await this.#context.client.write({
      client: 't1',
      conditions: this.#names.map((key) => ({ key, expect: 'absent' })),
      ops: this.#names.map((key) => ({ key, value: accountValue(ACCOUNT_BALANCE, SETUP_ID) })),
      ack: 'quorum',
      timeoutMs: SETUP_TIMEOUT_MS,
    });
    if (answer.end !== 'acknowledged') {
      const message = `the accounts could not be made: ${answer.end}, ${answer.code}`;
      throw new WalshipError('DRILL_FAILED', message);
    }
    this.#version = answer.version;
  }

  start(): void {
    for (const pace of this.#paces) pace.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#paces.map(async (pace) => await pace.stop()));
  }

  async #transfer(teller: string): Promise<void> {
    const { client, history } = this.#context;
    const found = await this.#look(this.#entropy.pick(client.nodes));
    if (found === undefined) return;
    const [from, to] = this.#two(found);
    if (from === undefined || to === undefined) return;
    this.#count += 1;
    const id = `${teller}-${this.#count}`;
    const amount = 1 + this.#entropy.below(Math.min(AMOUNT_MAX, Math.max(1, from.balance)));
    const pending: Pending = {
      id,
      from: from.key,
      to: to.key,
      amount,
      after: { from: from.version, to: to.version },
      calledAt: history.now(),
    };
    this.#pending.set(id, pending);
    const answer = await client.write({
      client: teller,
      conditions: [
        { key: from.key, expect: from.version },
        { key: to.key, expect: to.version },
      ],
      ops: [
        { key: from.key, value: accountValue(from.balance - amount, id) },
        { key: to.key, value: accountValue(to.balance + amount, id) },
      ],
      ack: 'quorum',
      timeoutMs: WRITE_TIMEOUT_MS,
    });
    this.#pending.delete(id);
    const version = 'version' in answer ? answer.version : undefined;
    this.transfers.push({ ...pending, returnedAt: history.now(), end: answer.end, version });
  }

  /** Reads all accounts, in one page of one node. */
  async #look(nodeId: string): Promise<readonly Account[] | undefined> {
    const { client, history, prefix } = this.#context;
    const page = await client.page({
      nodeId,
      prefix: `${prefix}acct/`,
      after: '',
      limit: ACCOUNTS + 1,
      timeoutMs: READ_TIMEOUT_MS,
    });
    if (!page.ok) return undefined;
    const accounts = page.entries.map(({ key, value, version }) => ({
      key,
      version,
      balance: parseAccount(value).balance,
    }));
    this.reads.push({
      atMs: history.now(),
      nodeId,
      applied: page.applied,
      balances: Object.fromEntries(accounts.map(({ key, balance }) => [key, balance])),
    });
    return accounts;
  }

  #two(accounts: readonly Account[]): readonly [Account | undefined, Account | undefined] {
    if (accounts.length < 2) return [undefined, undefined];
    const first = this.#entropy.below(accounts.length);
    const second = (first + 1 + this.#entropy.below(accounts.length - 1)) % accounts.length;
    return [accounts[first], accounts[second]];
  }
}

type Pending = Omit<Transfer, 'returnedAt' | 'end' | 'version'>;

interface Account {
  readonly key: string;
  readonly version: Version;
  readonly balance: number;
}

/** Formats a balance, and the id of the transfer that left it. */
export function accountValue(balance: number, id: string): string {
  return `${balance} ${id}`;
}

/** Parses an account value. An invalid one has the balance NaN, and so makes every sum wrong. */
export function parseAccount(value: string): { readonly balance: number; readonly id: string } {
  const [balance = '', id = ''] = value.split(' ');
  return { balance: balance === '' ? Number.NaN : Number(balance), id };
}
