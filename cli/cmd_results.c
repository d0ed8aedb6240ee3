#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/recording.h"

#include <inttypes.h>
#include <stdio.h>

static int print(void *arg, const char *text, size_t len)
{
    (void)arg;
    if (fwrite(text, 1, len, stdout) != len)
        return plx_complain(PLX_EXIT_FAILED, "cannot write the output");
    return PLX_EXIT_OK;
}

int plx_cmd_results_export(struct plx_cli *cli)
{
    const char *monitors[PLX_GIVEN_MAX];
    struct plx_recording said;
    struct plx_recording_ask ask = {
        .since = plx_args_value(&cli->args, "since", "2h"),
        .until = plx_args_value(&cli->args, "until", NULL),
        .monitors = monitors,
    };
    const char *name;
    while ((name = plx_args_nth(&cli->args, "monitor", ask.n_monitors)) != NULL)
        monitors[ask.n_monitors++] = name;
    int code = plx_recording_fetch(cli, &ask, print, NULL, &said);
    if (code != PLX_EXIT_OK)
        return code;
    fprintf(stderr, "%" PRIu64 " results from %s to %s", said.n_results, said.since,
            said.until);
    if (said.left_out > 0)
        fprintf(stderr, "; %" PRIu64 " of agents or monitors that changed left out",
                said.left_out);
    fputc('\n', stderr);
    return PLX_EXIT_OK;
}
