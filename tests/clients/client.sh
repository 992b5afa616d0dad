#!/bin/sh
# A legacy caller written with curl. It knows one URL and nothing of tokens: client.sh URL
set -eu
url=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "failed: $*"; exit 1; }
header() { sed -n "s/^$1: //Ip" "$2" | tr -d '\r' | tail -n 1; }
same() { [ "$2" = "$3" ] || fail "$1: '$2' is not '$3'"; }

head -c 1048576 /dev/urandom > "$work/body"
digest=$(sha256sum < "$work/body" | cut -d ' ' -f 1)

curl -sSf -D "$work/h" -o /dev/null "$url/echo/a%2Fb?x=1&y=two%20words&y=%C3%A9"
same query "$(header X-Query "$work/h")" "x=1&y=two words&y=é"

curl -sSf -D "$work/h" -o /dev/null --data-binary "@$work/body" -H 'Content-Type: application/octet-stream' "$url/echo"
same "fixed body" "$(header X-Sha256 "$work/h")" "$digest"

curl -sSf -D "$work/h" -o /dev/null -T - -X POST -H 'Transfer-Encoding: chunked' "$url/echo" < "$work/body"
same "chunked body" "$(header X-Sha256 "$work/h")" "$digest"

curl -sSf -I "$url/bytes/4096" > "$work/h"
same "length of HEAD" "$(header Content-Length "$work/h")" 4096

for kind in fixed chunked; do
  curl -sSf -D "$work/h" -o "$work/answer" "$url/bytes/1048576?$kind"
  same "$kind answer" "$(sha256sum < "$work/answer" | cut -d ' ' -f 1)" "$(header X-Sha256 "$work/h")"
done

connects=$(curl -sSf -o /dev/null -w '%{num_connects}\n' "$url/echo/[1-5]" | awk '{ n += $1 } END { print n }')
same "connections for five calls" "$connects" 1
echo ok
