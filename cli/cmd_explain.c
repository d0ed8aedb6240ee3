#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

int plx_cmd_explain(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "monitor", cli->args.words[0]);
    int code = plx_ask(cli, "explain", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        plx_say("%s\n", plx_field(answer, "text"));
    json_decref(answer);
    return code;
}
