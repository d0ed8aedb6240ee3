/* Completion scripts, made from the table of commands: a list of (words typed so far,
 * what may follow) that a small function in the shell's own language looks up. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

/* Prints one line of the list: a prefix of some command and what may follow it. */
typedef void line_fn(const char *prefix, size_t len);

static bool same_prefix(const char *path, const char *prefix, size_t len)
{
    return strncmp(path, prefix, len) == 0 &&
           (len == 0 || path[len] == ' ' || path[len] == '\0');
}

/* Whether an earlier command has this prefix already. */
static bool is_repeated(size_t index, size_t len)
{
    for (size_t i = 0; i < index; i++)
        if (same_prefix(plx_commands[i].path, plx_commands[index].path, len))
            return true;
    return false;
}

/* Calls `fn` once for every prefix there is: "", "agents", "agents token", … */
static void each_prefix(line_fn *fn)
{
    for (size_t i = 0; i < plx_n_commands; i++) {
        const char *path = plx_commands[i].path;
        size_t len = 0;
        for (;;) {
            if (!is_repeated(i, len))
                fn(path, len);
            if (path[len] == '\0')
                break;
            len += len > 0; /* the space */
            len += strcspn(path + len, " ");
        }
    }
}

static void print_options(const struct plx_option *options)
{
    for (; options && options->name; options++)
        printf(" --%s", options->name);
}

/* The words that may follow, each once, then the options. */
static void print_next(const char *prefix, size_t len)
{
    for (size_t i = 0; i < plx_n_commands; i++) {
        const struct plx_command *c = &plx_commands[i];
        if (!same_prefix(c->path, prefix, len))
            continue;
        if (c->path[len] == '\0') {
            if (strchr(c->words, '|'))
                for (const char *w = c->words; *w; w += strcspn(w, "|"), w += *w == '|')
                    printf(" %.*s", (int)strcspn(w, "|"), w);
            print_options(c->options);
            continue;
        }
        size_t begin = len ? len + 1 : 0;
        size_t end = begin + strcspn(c->path + begin, " ");
        if (!is_repeated(i, end))
            printf(" %.*s", (int)(end - begin), c->path + begin);
    }
    print_options(plx_global_options);
}

static void case_line(const char *prefix, size_t len)
{
    printf("    \"%.*s\") next=\"", (int)len, prefix);
    print_next(prefix, len);
    puts("\" ;;");
}

static const char bash_head[] =
    "# bash completion of parallax: source <(parallax completion bash)\n"
    "_parallax() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    local typed= next= word i\n"
    "    case $prev in\n"
    "    -f | --file | --admin) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
    "    --data-dir) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n"
    "    -o | --output) COMPREPLY=($(compgen -W 'table json csv yaml' -- \"$cur\")); "
    "return ;;\n"
    "    esac\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        case $word in\n"
    "        --data-dir | --admin | --output | -o | --wait) ((i++)) ;;\n"
    "        -*) ;;\n"
    "        *) typed=${typed:+$typed }$word ;;\n"
    "        esac\n"
    "    done\n"
    "    case $typed in\n";

static const char bash_tail[] = "    esac\n"
                                "    COMPREPLY=($(compgen -W \"$next\" -- \"$cur\"))\n"
                                "}\n"
                                "complete -F _parallax parallax\n";

static const char zsh_head[] =
    "#compdef parallax\n"
    "# zsh completion of parallax: source <(parallax completion zsh)\n"
    "_parallax() {\n"
    "    local typed= next= word i\n"
    "    case ${words[CURRENT-1]} in\n"
    "    -f | --file | --admin) _files; return ;;\n"
    "    --data-dir) _files -/; return ;;\n"
    "    -o | --output) compadd table json csv yaml; return ;;\n"
    "    esac\n"
    "    for ((i = 2; i < CURRENT; i++)); do\n"
    "        word=${words[i]}\n"
    "        case $word in\n"
    "        --data-dir | --admin | --output | -o | --wait) ((i++)) ;;\n"
    "        -*) ;;\n"
    "        *) typed=${typed:+$typed }$word ;;\n"
    "        esac\n"
    "    done\n"
    "    case $typed in\n";

static const char zsh_tail[] = "    esac\n"
                               "    compadd -- ${=next}\n"
                               "}\n"
                               "compdef _parallax parallax\n";

static const char fish_head[] =
    "# fish completion of parallax: parallax completion fish | source\n"
    "function __parallax_next\n"
    "    set -l typed\n"
    "    set -l skip 0\n"
    "    for word in (commandline -opc)[2..-1]\n"
    "        if test $skip = 1\n"
    "            set skip 0\n"
    "            continue\n"
    "        end\n"
    "        switch $word\n"
    "            case --data-dir --admin --output -o --wait\n"
    "                set skip 1\n"
    "            case '-*'\n"
    "            case '*'\n"
    "                set -a typed $word\n"
    "        end\n"
    "    end\n"
    "    switch \"$typed\"\n";

static const char fish_tail[] = "    end\n"
                                "end\n"
                                "complete -c parallax -f -a '(__parallax_next)'\n"
                                "complete -c parallax -s f -l file -r -F\n"
                                "complete -c parallax -l admin -r -F\n";

static void fish_line(const char *prefix, size_t len)
{
    printf("        case '%.*s'\n            printf '%%s\\n'", (int)len, prefix);
    print_next(prefix, len);
    putchar('\n');
}

int plx_cmd_completion(struct plx_cli *cli)
{
    const struct {
        const char *shell, *head, *tail;
        line_fn *line;
    } shells[] = {
        {"bash", bash_head, bash_tail, case_line},
        {"zsh", zsh_head, zsh_tail, case_line},
        {"fish", fish_head, fish_tail, fish_line},
    };
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(cli->args.words[0], shells[i].shell) != 0)
            continue;
        fputs(shells[i].head, stdout);
        each_prefix(shells[i].line);
        fputs(shells[i].tail, stdout);
        return PLX_EXIT_OK;
    }
    return plx_complain(PLX_EXIT_USAGE, "no completion for '%s', only bash, zsh and fish",
                        cli->args.words[0]);
}
