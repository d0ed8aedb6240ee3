#include "cli/cli.h"

#include "cli/text_width.h"

#include <stdio.h>
#include <string.h>

static void print_option(const struct plx_option *o)
{
    char left[64];
    snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : " ",
             o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name,
             o->arg ? " " : "", o->arg ? o->arg : "");
    printf("  %-26s %s\n", left, o->help);
}

static void print_options(const char *title, const struct plx_option *options)
{
    if (!options || !options->name)
        return;
    printf("\n%s:\n", title);
    for (; options->name; options++)
        print_option(options);
}

static void help_command(const struct plx_command *c)
{
    bool options = c->options && c->options->name;
    printf("usage: parallax %s%s%s%s\n\n%s.\n", c->path, options ? " [OPTION…]" : "",
           c->words[0] ? " " : "", c->words, c->summary);
    if (c->details)
        printf("\n%s\n", c->details);
    print_options("options", c->options);
    print_options("options of every command", plx_global_options);
}

static void help_list(const char *prefix)
{
    size_t n = strlen(prefix);
    for (size_t i = 0; i < plx_n_commands; i++) {
        const struct plx_command *c = &plx_commands[i];
        if (n > 0 && (strncmp(c->path, prefix, n) != 0 || c->path[n] != ' '))
            continue;
        size_t width = plx_text_width(c->path) + 1 + plx_text_width(c->words);
        printf("  %s %s%*s %s\n", c->path, c->words, width < 32 ? (int)(32 - width) : 0,
               "", c->summary);
    }
}

void plx_help(const char *prefix)
{
    for (size_t i = 0; i < plx_n_commands; i++) {
        if (strcmp(plx_commands[i].path, prefix) == 0) {
            help_command(&plx_commands[i]);
            return;
        }
    }
    printf("usage: parallax %s%sCOMMAND [OPTION…] [ARGUMENT…]\n\ncommands:\n", prefix,
           prefix[0] ? " " : "");
    help_list(prefix);
    print_options("options of every command", plx_global_options);
    printf("\nexit codes: 0 ok · 1 the answer is no · 2 bad usage or input · "
           "3 inconclusive\n            4 no answer from the coordinator · 5 failed\n");
}
