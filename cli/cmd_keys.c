#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

int plx_cmd_keys_show(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    struct plx_cli as_yaml = *cli;
    as_yaml.format = PLX_FORMAT_YAML;
    plx_question_init(&q);
    int code = plx_ask(cli, "keys.show", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        plx_show_data(&as_yaml, answer);
    json_decref(answer);
    return code;
}

int plx_cmd_keys_rotate(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_json_kbool(&q.json, "force", plx_args_has(&cli->args, "force"));
    int code = plx_ask(cli, "keys.rotate", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        plx_say("the coordinator's key is now %s; it starts again with it\n",
                plx_field(answer, "server_key"));
    /* So that what follows in a script does not meet a coordinator that is away. */
    if (code == PLX_EXIT_OK)
        code = plx_await_server(cli, plx_field(answer, "server_key"));
    json_decref(answer);
    return code;
}
