# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts share that fetch something from Debian and install nothing. Source it after common.sh.
#
# The archive is the one that apt has, or BPFKIT_DEBIAN_MIRROR.

readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Of all that is fetched; relative to where the script was called.
# shellcheck disable=SC2154 # common.sh sets here
cache=$(cd -- "$here" && realpath -m -- "${BPFKIT_VM:-${XDG_CACHE_HOME:-$HOME/.cache}/bpfkit/vm}") || exit

find_mirror() {
	mirror=${BPFKIT_DEBIAN_MIRROR-}
	if [[ -z $mirror ]]; then
		# shellcheck disable=SC2016 # apt knows this variable
		mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | head -n 1)
	fi
	[[ $mirror ]] || die "apt knows no Debian archive: run apt-get update if it should," \
		'or let BPFKIT_DEBIAN_MIRROR be the address of one'
	[[ -e $keyring ]] || die "there is no $keyring: install debian-archive-keyring"
}

# Sets apt, the options of an apt that knows the packages (deb) or the sources (deb-src) of one architecture and some
# suites of Debian, in which nothing is installed. All that it keeps is in FOLDER/apt, which is made anew.
debian_apt() { # FOLDER deb|deb-src ARCHITECTURE SUITE...
	local folder=$1 type=$2 arch=$3 suite
	shift 3
	rm -rf "$folder/apt"
	mkdir -p "$folder/apt/state/lists/partial" "$folder/apt/cache/archives/partial"
	: >"$folder/apt/status"
	for suite; do
		echo "$type [signed-by=$keyring] $mirror $suite main"
	done | sort -u >"$folder/apt/sources.list"
	apt=(-qq -o Acquire::Retries=3 -o Acquire::Languages=none -o APT::Update::Error-Mode=any
		-o APT::Sandbox::User=root -o Debug::NoLocking=1
		-o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o APT::Install-Recommends=0
		-o "Dir::Etc::SourceList=$folder/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State=$folder/apt/state" -o "Dir::State::Status=$folder/apt/status" -o "Dir::Cache=$folder/apt/cache")
	apt-get "${apt[@]}" update || die "apt-get could not read the package lists of $* for $arch"
}

# Takes the lock of the cache, and makes a folder in it, new, which goes at the end.
begin_fetching() {
	command -v apt-get >/dev/null || die 'what is missing is fetched with apt-get, which is not there'
	mkdir -p "$cache" || exit
	exec {lock}>"$cache/.lock"
	flock -n "$lock" || { say 'waiting for another one that is fetching'; flock "$lock"; }
	# What others left when they were killed.
	rm -rf "$cache"/new.*
	new=$(mktemp -d "$cache/new.XXXXXX") || exit
	trap 'rm -rf "$new"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# What was made in $new/made is put at its place, whole.
keep() { # PATH
	[[ ! -e $cache/$1 ]] || mv "$cache/$1" "$new/old" || exit
	mv "$new/made" "$cache/$1" || exit
	rm -rf "${new:?}"/*
}
