#!/bin/sh
# Installs llama.cpp's `llama-server` and its tools into a folder of their own, for the user who
# runs it.
#
# For whom: people whose distribution has no llama.cpp (Debian 12). It is embedded in the binary
# (`tidegate engine install`) and called by scripts/bootstrap. A `llama-server` that is on PATH is
# preferred and makes this needless.
#
# What it changes: only the prefix (default ${XDG_DATA_HOME:-$HOME/.local/share}/tidegate/engine).
# Nothing is installed into the system, no package manager state is touched, root is not needed, and
# no maintainer script of a package runs.
#
# How: Debian 12's C library is too old for the packages of the newer suite, so they bring their
# own. apt, with lists, cache and package state of its own, fetches the packages and checks the
# archive's signature; they are unpacked, the programs are pointed at their own dynamic loader and
# at libraries relative to themselves, and the result is started once before it replaces what was
# there. The mirror is the one this machine already uses.
#
#   PREFIX/builds/ID/   one finished installation: bin/ libexec/ lib/ licenses/ VERSION MANIFEST
#   PREFIX/current      -> builds/ID. Switching this link is the only moment of change; the build
#                       before stays for servers that still run from it, older ones are removed.
#   PREFIX/bin, PREFIX/VERSION, PREFIX/MANIFEST    -> the same in current/
#
# Progress goes to stderr as "step N/6 ...", the path of llama-server to stdout.
# Exit status: 0 installed or already current, 64 wrong usage, 69 something has to be installed
# first (the message says what), 70 the result does not run and nothing was changed, 73 the prefix
# cannot be written, 75 the download failed.
set -eu
umask 022

# Upgraded together, by changing the suite. The mirror offers one version of each at a time.
suite=forky
tools='llama-server llama-bench llama-quantize llama-fit-params llama-gguf-split llama-tokenize'
packages='llama.cpp-tools llama.cpp-tools-extra libllama0 libggml0
  libssl3t64 openssl-provider-legacy libc6 libgcc-s1 libstdc++6 libgomp1 libzstd1 zlib1g'

usage() {
  cat <<TEXT
usage: install_engine.sh [--prefix DIR] [--suite NAME] [--upgrade]
  --prefix DIR   where to install (default: \${XDG_DATA_HOME:-\$HOME/.local/share}/tidegate/engine)
  --suite NAME   the Debian suite to take the packages from (default: $suite)
  --upgrade      ask the mirror for a newer version even when the installed one runs
TEXT
}

step() { echo "step $1/6 $2" >&2; }
fail() {
  status=$1
  shift
  printf 'error: %s\n' "$@" >&2
  exit "$status"
}
# The same, after the end of what the failing tool said.
fail_with_log() {
  tail -n 5 "$work/log" | sed 's/^/  /' >&2
  fail "$@"
}

prefix=''
upgrade=''
while [ $# -gt 0 ]; do
  case $1 in
    --prefix | --suite)
      [ $# -ge 2 ] && [ -n "$2" ] || { usage >&2; fail 64 "$1 needs a value"; }
      if [ "$1" = --prefix ]; then prefix=$2; else suite=$2; fi
      shift 2 ;;
    --upgrade) upgrade=1; shift ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; fail 64 "unknown argument: $1" ;;
  esac
done
if [ -z "$prefix" ]; then
  data=${XDG_DATA_HOME:-${HOME:+$HOME/.local/share}}
  [ -n "$data" ] || fail 64 'neither HOME nor XDG_DATA_HOME is set: use --prefix DIR'
  prefix=$data/tidegate/engine
fi

# True when the programs in folder $1 start and a CPU back end loads; their output goes to the file
# $2. Without a back end llama-server still answers --version but can run nothing. It logs through a
# thread of its own, which may not get to write before --list-devices exits; llama-bench, which
# finds its back ends in the same way, says it at once.
runs() {
  "$1/llama-server" --version >"$2" 2>&1 && "$1/llama-bench" --list-devices >>"$2" 2>&1 &&
    grep -q 'loaded CPU backend' "$2"
}

if [ -z "$upgrade" ] && [ -s "$prefix/MANIFEST" ] &&
  "$prefix/bin/llama-server" --version >/dev/null 2>&1; then
  echo "engine: $(cat "$prefix/VERSION") is installed in $prefix" >&2
  echo "$prefix/bin/llama-server"
  exit 0
fi

elsewhere="Install llama.cpp in the way of your system: a llama-server on PATH is used as it is."
for tool in apt-get apt-config apt-cache dpkg-deb sha256sum flock; do
  command -v "$tool" >/dev/null ||
    fail 69 "this installer needs Debian's $tool, which is not on PATH." "$elsewhere"
done
command -v patchelf >/dev/null ||
  fail 69 'patchelf is needed and not on PATH. Install it: apt-get install patchelf'

mkdir -p "$prefix/builds" 2>/dev/null && [ -w "$prefix/builds" ] ||
  fail 73 "cannot write to $prefix: choose another folder with --prefix DIR"
prefix=$(cd "$prefix" && pwd -P)
exec 9>"$prefix/.lock"
flock -w 600 9 || fail 73 "another installation into $prefix has been running for 10 minutes"

# apt's downloads live outside the prefix: its unprivileged helper (_apt) must be able to reach
# them, and a prefix below a private home folder is closed to it.
work=$(mktemp -d "${TMPDIR:-/tmp}/tidegate-engine.XXXXXX")
build=''
trap 'rm -rf "$work"; [ -z "$build" ] || rm -rf "$build"' EXIT
trap 'exit 130' INT TERM HUP
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
: >"$work/status"

step 1 "reading the package index of Debian $suite"
targets() {
  apt-get indextargets --no-release-info --format "$1" 'Created-By: Packages' 2>/dev/null
}
site=$(targets '$(SITE)' | sed 's,/*$,,' | grep -m 1 -E '/debian(\.list)?$') ||
  fail 69 'the configuration of apt names no Debian mirror.' "$elsewhere"

# The key that this machine's own source for that mirror is bound to; else the archive's keyring.
keyring=''
entry=$(targets '$(SITE) $(SOURCESENTRY)' | grep -m 1 -F "$site" | sed 's/.* //')
if [ -f "${entry%:*}" ]; then
  keyring=$(sed -n 's/.*[Ss]igned-[Bb]y[:=] *\(\/[^] ,]*\).*/\1/p' "${entry%:*}" | head -n 1)
fi
[ -r "$keyring" ] || keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || fail 69 "no keyring to check the archive's signature with." \
  'Install it: apt-get install debian-archive-keyring'

# An apt that knows nothing of the system's packages, sources and hooks, but reaches the mirror in
# the same way.
{
  apt-config dump | grep -E '^Acquire::(http|ftp|mirror|Retries|Check|Max|Min|ForceIPv)' || true
  cat <<TEXT
Dir::Etc::parts "/dev/null";
Dir::Etc::main "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::State::extended_states "$work/extended_states";
Dir::Cache "$work/cache";
APT::Default-Release "$suite";
Acquire::Languages "none";
Acquire::AllowInsecureRepositories "false";
TEXT
} >"$work/apt.conf"
arch=$(dpkg --print-architecture)
echo "deb [arch=$arch signed-by=$keyring] $site $suite main" >"$work/sources.list"
if [ "$(id -u)" = 0 ] && id _apt >/dev/null 2>&1; then
  chown _apt "$work/debs" "$work/lists/partial" "$work/cache/archives/partial"
fi
export APT_CONFIG="$work/apt.conf"
apt-get update -q >"$work/log" 2>&1 ||
  fail_with_log 75 "cannot read the index of Debian $suite from $site"

# name version sha256 size, one package a line, as the signed index states them.
# shellcheck disable=SC2086  # a list of words
apt-cache show --no-all-versions $packages 2>"$work/log" | awk '
  /^Package: / { name = $2 } /^Version: / { version = $2 }
  /^SHA256: / { sum = $2 } /^Size: / { size = $2 }
  /^$/ { if (name) print name, version, sum, size; name = "" }
  END { if (name) print name, version, sum, size }' | sort >"$work/packages"
for name in $packages; do
  grep -q "^$name " "$work/packages" ||
    fail 69 "Debian $suite on $site has no package $name for $arch" "$elsewhere"
done
cut -d' ' -f1-3 "$work/packages" >"$work/MANIFEST"
if cmp -s "$work/MANIFEST" "$prefix/MANIFEST" && runs "$prefix/bin" "$work/log"; then
  echo "engine: $(cat "$prefix/VERSION") in $prefix is the newest in Debian $suite" >&2
  echo "$prefix/bin/llama-server"
  exit 0
fi

size=$(awk '{ bytes += $4 } END { printf "%.1f", bytes / 1e6 }' "$work/packages")
step 2 "downloading packages ($size MB)"
# shellcheck disable=SC2086
(cd "$work/debs" && apt-get download -q $packages) >"$work/log" 2>&1 ||
  fail_with_log 75 "cannot download the packages from $site"
unset APT_CONFIG
while read -r name _ sum _; do
  echo "$sum  $(cd "$work/debs" && ls "$name"_*.deb)"
done <"$work/packages" >"$work/sums"
(cd "$work/debs" && sha256sum --quiet --strict -c ../sums) >"$work/log" 2>&1 ||
  fail_with_log 75 'a downloaded package is not what the signed index says'

step 3 'unpacking'
for deb in "$work"/debs/*.deb; do
  dpkg-deb -x "$deb" "$work/root" 2>"$work/log" || fail_with_log 73 "cannot unpack ${deb##*/}"
done
version=$(awk '$1 == "llama.cpp-tools" { print $2 }' "$work/MANIFEST")
id=$(echo "$version" | sed 's/^[0-9]*://; s/[^A-Za-z0-9.+-]/_/g')
new=$prefix/builds/$id-$(sha256sum "$work/MANIFEST" | cut -c1-8)
# The same build can be there and no longer run; then it is made anew beside the broken one.
[ "$(readlink -f "$prefix/current" || true)" != "$new" ] || new=$new.$$
rm -rf "$new"
build=$new
mkdir -p "$build/bin" "$build/licenses"
loader=$(find "$work/root/usr/lib" -name 'ld-linux*.so.*' | head -n 1)
[ -n "$loader" ] || fail 70 'the C library package has no dynamic loader where it was expected'
# A program looks for its CPU back ends in the folder that it lies in (after a system path that is
# not there), so the programs are put in with the back ends, and bin/ links to them.
system_lib=$(dirname "$loader")
cp -a "$system_lib" "$build/lib"
mv "$build/lib/ggml/backends0" "$build/libexec"
rm -rf "$build/lib/gconv"
for tool in $tools; do
  cp "$work/root/usr/bin/$tool" "$build/libexec/$tool"
  ln -s "../libexec/$tool" "$build/bin/$tool"
done
for file in "$work/root/usr/share/doc"/*/copyright; do
  [ ! -f "$file" ] || cp "$file" "$build/licenses/$(basename "$(dirname "$file")")"
done

step 4 'pointing the programs at their own libraries'
# RPATH, not RUNPATH: it also holds for what the libraries themselves need, and no LD_LIBRARY_PATH
# comes before it.
patch() { patchelf "$@" 2>"$work/log" || fail_with_log 70 "patchelf failed: $*"; }
set_rpath() { patch --force-rpath --set-rpath "$1" "$2"; }
for tool in $tools; do
  patch --set-interpreter "$build/lib/${loader##*/}" "$build/libexec/$tool"
  set_rpath '$ORIGIN/../lib:$ORIGIN/../lib/llama' "$build/libexec/$tool"
done
for file in "$build"/libexec/*.so; do set_rpath '$ORIGIN/../lib' "$file"; done
for file in "$build"/lib/llama/*.so; do set_rpath '$ORIGIN/..:$ORIGIN' "$file"; done
for file in "$build"/lib/libllama*.so.* "$build"/lib/libmtmd*.so.* "$build"/lib/libggml*.so.*; do
  [ -L "$file" ] || set_rpath '$ORIGIN:$ORIGIN/llama' "$file"
done

step 5 'starting it once'
runs "$build/bin" "$work/log" ||
  fail_with_log 70 'the unpacked llama-server does not run on this machine'
upstream=$("$build/bin/llama-server" --version 2>&1 |
  sed -n 's/^version: \([^ ]*\) (build \([0-9]*\).*/\1 b\2/p')
echo "${upstream:-unknown} (Debian $version)" >"$build/VERSION"
cp "$work/MANIFEST" "$build/MANIFEST"

step 6 "putting llama-server $upstream in place"
# A relative link under another name, renamed over the old one: a reader sees the old build or the
# new one.
link() { ln -sfn "$1" "$prefix/$2.new" && mv -T "$prefix/$2.new" "$prefix/$2"; }
previous=$(readlink -f "$prefix/current" || true)
link "builds/${build##*/}" current
build=''
for name in bin VERSION MANIFEST; do link "current/$name" "$name"; done
for old in "$prefix"/builds/*; do
  case $old in "$new" | "$previous") ;; *) rm -rf "$old" ;; esac
done
echo "engine: $(cat "$prefix/VERSION") is installed in $prefix" >&2
echo "$prefix/bin/llama-server"
