#!/bin/sh
# Start an image as the manifests do, wait for its health check, and stop it: try-image.sh docker IMAGE
# ENGINE_OPTIONS are given to `run` as well.
set -eu
engine=$1 image=$2

check=$($engine inspect --type image --format '{{index .Config.Healthcheck.Test 1}}' "$image")
container=$($engine run --detach --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp \
    --env PROMPTSTAGE_REPOSITORY=https://git.example.org/acme/prompts.git ${ENGINE_OPTIONS:-} "$image")
trap '$engine logs "$container"; $engine rm --force --volumes "$container" >/dev/null' EXIT

tries=0
until $engine exec "$container" sh -c "$check" 2>/dev/null; do
    tries=$((tries + 1))
    test $tries -lt 60
    sleep 1
done
test "$($engine exec "$container" id -u)" = 10001
if $engine exec "$container" touch /home/promptstage/written 2>/dev/null; then exit 1; fi
$engine stop --time 15 "$container" >/dev/null
test "$($engine inspect --format '{{.State.ExitCode}}' "$container")" = 0
