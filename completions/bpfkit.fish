# SPDX-License-Identifier: GPL-2.0-only
#
# Completion for bpfkit and its links in fish. The binary itself is asked for all of it; see bpfkit.bash.

# The words before the cursor, the first of them a full name of bpfkit, the second the tool if there is one.
function __bpfkit_words
    set -l words (commandline -opc)
    if not string match -q 'bpfkit*' (path basename $words[1])
        set words bpfkit (path basename $words[1]) $words[2..]
    end
    printf '%s\n' $words
end

function __bpfkit_complete
    set -l words (__bpfkit_words)
    set -l current (commandline -ct)
    set -l option
    if not set -q words[2]; or test $words[2] = help
        $words[1] --complete 2>/dev/null
        return
    end
    # After "--" comes a command of any kind.
    if set -l dashes (contains -i -- -- $words[3..])
        __fish_complete_subcommand --commandline $words[(math $dashes + 3)..] "$current"
        return
    end
    # --option=value is one word here; what is offered must begin with the same.
    set -l before ''
    if string match -q -- '--*=*' "$current"
        set option (string replace -r '=.*' '' -- $current)
        set before $option=
    else if not string match -q -- '-*' "$current"; and string match -q -- '-*' $words[-1]
        set option $words[-1]
    end
    if set -q option[1]
        set -l rest (string replace -- "$before" '' "$current")
        set -l values ($words[1] --complete $words[2] $option "$rest" 2>/dev/null)
        switch "$values"
            case ''
            case '<iface>'
                set values (path basename /sys/class/net/*)
            case '<file>'
                set values (__fish_complete_path $rest)
            case '<value>'
                return
            case '<dir>'
                set values (__fish_complete_directories $rest '')
        end
        if set -q values[1]
            printf '%s\n' $before$values
            return
        end
    end
    $words[1] --complete $words[2] 2>/dev/null
end

complete -c bpfkit -f -a '(__bpfkit_complete)'
# The links, where they are links to bpfkit: others have tools of these names too.
if set -l bpfkit (command -s bpfkit)
    for name in ($bpfkit --complete 2>/dev/null | string match -vr '^(-|help\t)' | string replace -r '\t.*' '')
        if test (path resolve (command -s $name; or echo /) $bpfkit | uniq | count) -eq 1
            complete -c $name -f -a '(__bpfkit_complete)'
        end
    end
end
