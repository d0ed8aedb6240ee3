#include "cli/cli.h"

#include "base/err.h"
#include "base/text.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int set_format(struct plx_cli *cli, struct plx_why *why)
{
    static const char *const names[] = {"table", "json", "csv", "yaml"};
    const char *name = plx_args_value(&cli->args, "output", "table");
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(names[i], name) == 0) {
            cli->format = (enum plx_format)i;
            return 0;
        }
    }
    return plx_why_set(why, PLX_EINVAL, "--output must be table, json, csv or yaml: '%s'",
                       name);
}

/* https://no-color.org: any value that is not empty. */
static bool wants_no_colour(const struct plx_args *args)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return plx_args_has(args, "no-color") || (no_color && *no_color) ||
           (term && strcmp(term, "dumb") == 0);
}

static unsigned terminal_width(void)
{
    struct winsize size;
    int64_t columns;
    const char *env = getenv("COLUMNS");
    if (env && plx_text_int(env, 20, 1000, &columns) == 0)
        return (unsigned)columns;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
        return size.ws_col;
    return 80;
}

/* Character widths need a UTF-8 locale; messages stay ours. */
static void set_locale(void)
{
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static int run(struct plx_cli *cli)
{
    const struct plx_args *args = &cli->args;
    struct plx_why why;
    if (plx_args_has(args, "version")) {
        printf("parallax %s\n", PLX_VERSION);
        return PLX_EXIT_OK;
    }
    if (plx_args_has(args, "help")) {
        plx_help(args->prefix);
        return PLX_EXIT_OK;
    }
    if (!args->command && args->prefix[0])
        return plx_complain(PLX_EXIT_USAGE,
                            "'%s' is a group of commands, see parallax %s --help",
                            args->prefix, args->prefix);
    if (!args->command) {
        plx_help("");
        return PLX_EXIT_USAGE;
    }
    if (args->command->run_raw)
        return args->command->run_raw(args->n_raw, args->raw);
    if (set_format(cli, &why) < 0)
        return plx_complain(PLX_EXIT_USAGE, "%s", why.text);
    return args->command->run(cli);
}

int main(int argc, char **argv)
{
    struct plx_cli cli = {.terminal = isatty(STDOUT_FILENO)};
    struct plx_why why;
    set_locale();
    int code;
    if (plx_args_parse(argc, argv, &cli.args, &why) < 0) {
        code = plx_complain(PLX_EXIT_USAGE, "%s", why.text);
    } else {
        cli.colour = cli.terminal && !wants_no_colour(&cli.args);
        cli.width = cli.terminal ? terminal_width() : 0;
        code = run(&cli);
    }
    plx_args_fini(&cli.args);
    if (fflush(stdout) != 0 || ferror(stdout))
        code = plx_complain(PLX_EXIT_FAILED, "cannot write the output");
    return code;
}
