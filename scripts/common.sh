# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts share. Source it: the caller is then in the top folder of the tree.
#
# BPFKIT_BUILD names another folder than build/ for what is built.

set -u -o pipefail

# shellcheck disable=SC2034 # used by those that source this file
here=$PWD
cd -- "${BASH_SOURCE[0]%/*}/.." || exit

# bpftool, ip and nft are in sbin, which a normal user often does not have in PATH.
PATH=$PATH:/usr/sbin:/sbin

build=$(realpath -m -- "${BPFKIT_BUILD:-build}")

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "$@"
	exit 1
}

# Can as_root work at all?
can_be_root() {
	((EUID == 0)) || command -v sudo >/dev/null
}

# Run a command as root; a normal user is asked by sudo.
as_root() {
	can_be_root || die 'you must be root, or have sudo'
	if ((EUID)); then
		sudo -- "$@"
	else
		"$@"
	fi
}

# Configure a preset in a folder. The generator is chosen only once.
configure() { # PRESET FOLDER CMAKE-OPTION...
	local preset=$1 folder=$2 generator=()

	shift 2
	[[ -e $folder/CMakeCache.txt ]] || generator=(-G Ninja)
	cmake --preset "$preset" -B "$folder" "${generator[@]}" "$@"
}

compile() { # FOLDER
	cmake --build "$1" --parallel "$(nproc)"
}

# Configure and build the release in $build. With "update", what is configured already is only brought up to
# date; with "configure" it is configured anew. Silent, except that a first build is announced and that a failed one
# shows what it said.
build_release() { # update|configure
	local log=$build/build.log lock status=0

	mkdir -p "$build" 2>/dev/null
	[[ -w $build ]] || die "you may not write in $build; was it made by another user?"
	exec {lock}>"$build/.lock"
	flock "$lock"
	# The usual case first: all is there, so nothing is looked for.
	if ! { [[ $1 = update && -e $build/bpfkit ]] && compile "$build"; } >"$log" 2>&1; then
		scripts/packages try || exit
		[[ -e $build/bpfkit ]] || say "building in $build, this takes a moment the first time"
		{ configure release "$build" && compile "$build"; } >"$log" 2>&1 || status=1
	fi
	exec {lock}>&-
	if ((status)); then
		tail -n 60 "$log" >&2
		say "the build failed; all of it is in $log"
	fi
	return $status
}
