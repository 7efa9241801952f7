# SPDX-License-Identifier: MIT
# Completion of weir's command line in bash. The words come from weir itself, which knows its commands and their options, the
# built-in stages, and, by asking them, the running pipelines and their stages.
_weir()
{
    local IFS=$'\n'
    COMPREPLY=($(compgen -W "$(weir complete-words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _weir weir
