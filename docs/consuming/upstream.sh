#!/bin/sh
# Writes the servers of an nginx upstream or a HAProxy backend from the registry, and reloads the program if they changed.
#
#   upstream.sh nginx|haproxy NAME URL FILE
#
# NAME is that of the upstream or backend, URL the gateway's /sd/prometheus with filters, FILE a part of the program's
# configuration. FILE stays as it is if the gateway does not answer, and if the program refuses the new one; then the
# exit code is not 0. CHECK and RELOAD are the program's commands, if they are not those of Debian. Needs curl and jq.
set -eu

program=$1 name=$2 url=$3 file=$4

case $program in
nginx)
  : "${CHECK:=nginx -q -t}" "${RELOAD:=nginx -s reload}"
  # nginx accepts no upstream without a server: with one that is down, it answers 502.
  template='"upstream \($name) {", (if . == [] then "  server 127.0.0.1:9 down;" else "  server \(.[]);" end), "}"'
  ;;
haproxy)
  : "${CHECK:=haproxy -q -c -f /etc/haproxy/haproxy.cfg -f $file}" "${RELOAD:=systemctl reload haproxy}"
  # A server whose name does not resolve is down, and does not make HAProxy refuse the others.
  template='"backend \($name)", (.[] | "  server \(gsub("[][]"; "")) \(.) check init-addr libc,none")'
  ;;
*)
  echo "$0: the program is nginx or haproxy, not $program" >&2
  exit 2
  ;;
esac

trap 'rm -f "$file.new"' EXIT
services=$(curl --fail --silent --show-error --max-time 10 "$url")
printf '%s' "$services" | jq --raw-output --arg name "$name" "[.[].targets[]] | unique | $template" >"$file.new"
if cmp -s "$file.new" "$file"; then exit; fi

if [ -e "$file" ]; then mv "$file" "$file.old"; fi
mv "$file.new" "$file"
if $CHECK && $RELOAD; then
  rm -f "$file.old"
else
  echo "$0: $program refused the new $file; the old one is back" >&2
  if [ -e "$file.old" ]; then mv "$file.old" "$file"; else rm "$file"; fi
  exit 1
fi
