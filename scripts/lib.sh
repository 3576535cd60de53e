# Shared by scripts/run and scripts/test: finding Swift, installing what is missing.

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null 2>&1; then sudo "$@"
  else die "this needs root: run '$*' as root, then start again"
  fi
}

# Installs the Debian packages named that are not installed yet.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  command -v apt-get >/dev/null 2>&1 ||
    die "not a Debian machine: install what corresponds to ${missing[*]}, then start again"
  say "installing: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

need_swift() {
  local place="get it from https://www.swift.org/install/linux/ (Debian 12), put its usr/bin on PATH, then start again"
  command -v swift >/dev/null 2>&1 || die "Swift 6.3 or newer is needed and was not found: $place"
  local version
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | head -n 1)
  set -- $version
  if [ "${1:-0}" -lt 6 ] || { [ "${1:-0}" = 6 ] && [ "${2:-0}" -lt 3 ]; }; then
    die "Swift 6.3 or newer is needed, found ${1:-?}.${2:-?}: $place"
  fi
}

# What building Binnacle needs on Debian 12. (g++: the headers of C++, which Swift needs too and BoringSSL is written
# in.)
build_packages="g++ libcurl4-openssl-dev libnghttp2-dev libsqlite3-dev libssl-dev libsodium-dev libmimalloc-dev
  libyaml-dev libre2-dev zlib1g-dev pkg-config"
