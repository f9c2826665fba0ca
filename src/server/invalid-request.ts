import { WalshipError } from '../errors.ts';

/** Returns the error for a request that does not have the documented form. */
export function invalidRequest(message: string): WalshipError {
  return new WalshipError('REQUEST_INVALID', message);
}
