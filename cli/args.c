#include "cli/cli.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Argv being sorted. */
struct sorter {
    struct plx_args *args;
    struct plx_why *why;
    int argc, i;
    char **argv;
};

/* True if `path` is `prefix` or goes on with another word. */
static bool begins(const char *path, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(path, prefix, n) == 0 && (path[n] == '\0' || path[n] == ' ' || n == 0);
}

/* Takes `word` as the next word of a command's name; false if no command goes on so. */
static bool extend_path(struct plx_args *args, const char *word)
{
    char longer[sizeof args->prefix];
    int n = snprintf(longer, sizeof longer, "%s%s%s", args->prefix,
                     args->prefix[0] ? " " : "", word);
    if (n < 0 || (size_t)n >= sizeof longer)
        return false;
    bool found = false;
    for (size_t i = 0; i < plx_n_commands; i++) {
        if (!begins(plx_commands[i].path, longer))
            continue;
        found = true;
        if (strcmp(plx_commands[i].path, longer) == 0)
            args->command = &plx_commands[i];
    }
    if (found)
        memcpy(args->prefix, longer, (size_t)n + 1);
    return found;
}

/* The words that may come next behind the prefix, for suggestions. */
static size_t next_words(const char *prefix, char words[][32], const char **list,
                         size_t max)
{
    size_t n = 0, skip = strlen(prefix) + (prefix[0] != '\0');
    for (size_t i = 0; i < plx_n_commands && n < max; i++) {
        const char *path = plx_commands[i].path;
        if (!begins(path, prefix) || strlen(path) <= skip)
            continue;
        snprintf(words[n], 32, "%.*s", (int)strcspn(path + skip, " "), path + skip);
        list[n] = words[n];
        n++;
    }
    return n;
}

static int refuse_word(struct sorter *s, const char *word)
{
    char words[64][32];
    const char *list[64];
    const char *prefix = s->args->prefix;
    size_t n = next_words(prefix, words, list, 64);
    const char *closest = plx_text_closest(word, list, n);
    return plx_why_set(s->why, PLX_EINVAL, "unknown command '%s%s%s'%s%s%s%s%s", prefix,
                       prefix[0] ? " " : "", word,
                       closest ? ", did you mean '" : " (see parallax --help)",
                       closest ? prefix : "", closest && prefix[0] ? " " : "",
                       closest ? closest : "", closest ? "'?" : "");
}

static const struct plx_option *find_in(const struct plx_option *options,
                                        const char *name, size_t len, char letter)
{
    for (; options && options->name; options++) {
        if (name && strlen(options->name) == len && memcmp(options->name, name, len) == 0)
            return options;
        if (!name && options->letter && options->letter == letter)
            return options;
    }
    return NULL;
}

static const struct plx_option *find_option(const struct plx_args *args, const char *name,
                                            size_t len, char letter)
{
    const struct plx_option *own = args->command ? args->command->options : NULL;
    const struct plx_option *found = find_in(own, name, len, letter);
    return found ? found : find_in(plx_global_options, name, len, letter);
}

static int refuse_option(struct sorter *s, const char *text)
{
    const char *names[64];
    size_t n = 0;
    const struct plx_command *command = s->args->command;
    for (const struct plx_option *o = command ? command->options : NULL;
         o && o->name && n < 64; o++)
        names[n++] = o->name;
    for (const struct plx_option *o = plx_global_options; o->name && n < 64; o++)
        names[n++] = o->name;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text + strspn(text, "-"), "="),
             text + strspn(text, "-"));
    const char *closest = plx_text_closest(name, names, n);
    return plx_why_set(s->why, PLX_EINVAL, "unknown option '%s'%s%s%s%s%s", text,
                       s->args->prefix[0] ? " of " : "", s->args->prefix,
                       closest ? ", did you mean '--" : "", closest ? closest : "",
                       closest ? "'?" : "");
}

/* --name, --name=value, --name value, -x, -xvalue, -x value */
static int take_option(struct sorter *s)
{
    struct plx_args *args = s->args;
    const char *text = s->argv[s->i];
    bool is_long = text[1] == '-';
    const char *equals = is_long ? strchr(text, '=') : NULL;
    size_t len = equals ? (size_t)(equals - text) - 2 : is_long ? strlen(text) - 2 : 0;
    const struct plx_option *option =
        find_option(args, is_long ? text + 2 : NULL, len, text[1]);
    const char *value = equals ? equals + 1 : !is_long && text[2] ? text + 2 : NULL;
    if (!option || (!is_long && !option->arg && value))
        return refuse_option(s, text);
    if (!option->arg && value)
        return plx_why_set(s->why, PLX_EINVAL, "option '--%s' takes no value",
                           option->name);
    if (option->arg && !value && s->i + 1 < s->argc)
        value = s->argv[++s->i];
    if (option->arg && !value)
        return plx_why_set(s->why, PLX_EINVAL, "option '--%s' needs a value: --%s %s",
                           option->name, option->name, option->arg);
    if (args->n_given == PLX_GIVEN_MAX)
        return plx_why_set(s->why, PLX_EINVAL, "more than %d options", PLX_GIVEN_MAX);
    args->given[args->n_given++] = (struct plx_given){option, value ? value : ""};
    return 0;
}

static int take_word(struct sorter *s)
{
    struct plx_args *args = s->args;
    char *word = s->argv[s->i];
    if (args->n_words == 0 && extend_path(args, word))
        return 0;
    if (!args->command)
        return refuse_word(s, word);
    args->words[args->n_words++] = word;
    return 0;
}

static int check_words(struct sorter *s)
{
    const struct plx_args *args = s->args;
    const struct plx_command *c = args->command;
    if (!c || c->run_raw || plx_args_has(args, "help"))
        return 0;
    if (args->n_words < c->min_words)
        return plx_why_set(s->why, PLX_EINVAL, "usage: parallax %s %s", c->path,
                           c->words);
    if (args->n_words > c->max_words)
        return plx_why_set(s->why, PLX_EINVAL, "%s: '%s' is one word too many", c->path,
                           args->words[c->max_words]);
    return 0;
}

int plx_args_parse(int argc, char **argv, struct plx_args *args, struct plx_why *why)
{
    struct sorter s = {.args = args, .why = why, .argc = argc, .argv = argv};
    bool only_words = false;
    *args = (struct plx_args){.words = calloc((size_t)argc + 1, sizeof *args->words)};
    if (!args->words)
        abort();
    for (s.i = 1; s.i < argc; s.i++) {
        int err = 0;
        if (args->command && args->command->run_raw) {
            args->raw = argv + s.i - 1;
            args->n_raw = argc - s.i + 1;
            return 0;
        }
        if (!only_words && strcmp(argv[s.i], "--") == 0)
            only_words = true;
        else if (!only_words && argv[s.i][0] == '-' && argv[s.i][1])
            err = take_option(&s);
        else
            err = take_word(&s);
        if (err < 0)
            return err;
    }
    args->raw = argv + argc - 1;
    args->n_raw = 1;
    return check_words(&s);
}

void plx_args_fini(struct plx_args *args)
{
    free(args->words);
    *args = (struct plx_args){0};
}

const char *plx_args_nth(const struct plx_args *args, const char *option, size_t i)
{
    for (size_t k = 0; k < args->n_given; k++)
        if (strcmp(args->given[k].option->name, option) == 0 && i-- == 0)
            return args->given[k].value;
    return NULL;
}

bool plx_args_has(const struct plx_args *args, const char *option)
{
    return plx_args_nth(args, option, 0) != NULL;
}

const char *plx_args_value(const struct plx_args *args, const char *option,
                           const char *otherwise)
{
    const char *value = otherwise, *next;
    for (size_t i = 0; (next = plx_args_nth(args, option, i)) != NULL; i++)
        value = next;
    return value;
}
