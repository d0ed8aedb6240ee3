#include "cli/client.h"
#include "cli/commands.h"
#include "cli/pairs.h"
#include "cli/render.h"
#include "cli/verdict.h"
#include "cli/view.h"

/* Something down counts for more than something inconclusive. */
static int exit_of(const json_t *answer)
{
    const json_t *list = json_object_get(answer, "monitors");
    int worst = PLX_EXIT_OK;
    for (size_t i = 0; i < json_array_size(list); i++) {
        int one =
            (int)plx_verdict_look(plx_field(json_array_get(list, i), "verdict"))->exit;
        if (one == PLX_EXIT_NO)
            return one;
        worst = one == PLX_EXIT_OK ? worst : one;
    }
    return worst;
}

int plx_cmd_status(struct plx_cli *cli)
{
    struct plx_question q;
    struct plx_why why;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_question_words(&q, &cli->args, "monitors");
    if (plx_pairs_write(&cli->args, "label", &q.json, "labels", &why) < 0) {
        plx_question_fini(&q);
        return plx_complain(PLX_EXIT_USAGE, "%s", why.text);
    }
    int code = plx_ask(cli, "status", &q, &answer);
    if (code == PLX_EXIT_OK) {
        code = exit_of(answer);
        if (!plx_show_data(cli, answer))
            plx_view_status(cli, answer);
    }
    json_decref(answer);
    return code;
}
