# What `.ci/run` and `.ci/long` begin with; to be sourced by them.
# shellcheck shell=bash

# Enters a fresh clone of what is committed, in the folder `$scratch`, which is removed at the end.
enter_fresh_clone() {
  local source
  source=$(cd "$(dirname "$0")/.." && pwd)
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  git clone --quiet "$source" "$scratch/vidgan"
  cd "$scratch/vidgan" || exit 1
}

# The README's line that makes a virtual environment and whose end is like this, as it stands there.
readme_command() {
  grep -m1 -E "^python3 -m venv .*$1" README.md
}

# With them, the tests that need them must run; without, they are skipped.
find_chromium_and_ffmpeg() {
  local program
  echo "== a browser for the pages of trainings, and FFmpeg's programs as a referee"
  for program in chromium ffmpeg; do
    if ! command -v "$program" && [ "$(id -u)" = 0 ] && command -v apt-get; then
      { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$program"; } > /dev/null || true
    fi
  done
  if command -v chromium; then export VIDGAN_NEEDS_CHROMIUM=1; fi
  if command -v ffprobe; then export VIDGAN_NEEDS_FFMPEG=1; fi
}

# Runs tests by a command line, with a limit in seconds: one that hangs must not hold everything up.
time_tests() {
  local limit=$1 command=$2 began=$SECONDS
  echo "== $command"
  timeout --kill-after=30 "$limit" bash -c "$command"
  echo "== the tests took $((SECONDS - began)) s"
}
