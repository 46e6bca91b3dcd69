# comfy-cli: submit, wait, and show what came of it
set -e
comfy --skip-prompt --no-enable-telemetry run --workflow "$2" --wait --host "${1#http://}"
