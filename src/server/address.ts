/** True for a host and a port, as `--peers` names nodes. */
export function isAddress(text: string): boolean {
  const url = `http://${text}`;
  if (!/:\d{1,5}$/.test(text) || !URL.canParse(url)) return false;
  const { hostname, pathname, search, hash, username, password } = new URL(url);
  return hostname !== '' && pathname === '/' && search + hash + username + password === '';
}
