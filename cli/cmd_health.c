#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

/* The answer is flat or nearly so: YAML is how people read that best. */
int plx_cmd_health(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    int code = plx_ask(cli, "health", &q, &answer);
    struct plx_cli as_yaml = *cli;
    as_yaml.format = PLX_FORMAT_YAML;
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        plx_show_data(&as_yaml, answer);
    json_decref(answer);
    return code;
}
