# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Completion for bpfkit and its links in bash. The binary itself is asked for all of it:
#   bpfkit --complete               tools and options of bpfkit, "word<TAB>help" a line
#   bpfkit --complete TOOL          options of a tool, the same
#   bpfkit --complete TOOL --long   values of an option; <iface>, <file> and <dir> stand for such names,
#                                 <value> for what cannot be said
#   bpfkit --complete TOOL --long X,Y   the same where there can be several: each with "X," in front

_bpfkit() {
	local command=${1/#~\//$HOME/} cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local first=1 tool word words=() i

	COMPREPLY=()
	if [[ ${command##*/} != bpfkit* ]]; then
		# A link is one only if it is the same file: others have tools of these names too.
		tool=${command##*/}
		first=0
		[[ $(type -P "$command") -ef $(type -P bpfkit) ]] || return
		command=bpfkit
	elif ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} != help ]]; then
		tool=${COMP_WORDS[1]}
	fi

	# After "--" comes a command of any kind.
	for ((i = first + 1; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} = -- ]]; then
			compopt -o default
			((i == COMP_CWORD - 1)) && mapfile -t COMPREPLY < <(compgen -c -- "$cur")
			return
		fi
	done

	# Readline makes three words of --option=value.
	if [[ $cur = '=' ]]; then
		cur=
	elif [[ $previous = '=' ]]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	fi

	if [[ -z ${tool-} ]]; then
		mapfile -t words < <("$command" --complete 2>/dev/null | cut -f 1)
	else
		if [[ $previous = -* && $cur != -* ]]; then
			mapfile -t words < <("$command" --complete "$tool" "$previous" "$cur" 2>/dev/null | cut -f 1)
		fi
		case ${words[*]-} in
		'') mapfile -t words < <("$command" --complete "$tool" 2>/dev/null | cut -f 1) ;;
		'<iface>')
			words=(/sys/class/net/*)
			words=("${words[@]##*/}")
			;;
		'<file>')
			compopt -o filenames
			mapfile -t words < <(compgen -f -- "$cur")
			;;
		'<value>') return ;;
		'<dir>')
			compopt -o filenames
			mapfile -t words < <(compgen -d -- "$cur")
			;;
		esac
	fi
	for word in "${words[@]}"; do
		[[ $word = "$cur"* ]] && COMPREPLY+=("$word")
	done
}

complete -F _bpfkit bpfkit
# The links, by the names that bpfkit says it has.
while IFS=$'\t' read -r _bpfkit_name _; do
	[[ $_bpfkit_name = -* || $_bpfkit_name = help ]] || complete -o default -F _bpfkit "$_bpfkit_name"
done < <(bpfkit --complete 2>/dev/null)
unset -v _bpfkit_name
