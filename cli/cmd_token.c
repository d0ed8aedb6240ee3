#include "cli/client.h"
#include "cli/commands.h"
#include "cli/pairs.h"
#include "cli/render.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

static int fill_question(struct plx_question *q, const struct plx_args *args,
                         struct plx_why *why)
{
    const char *region = plx_args_value(args, "region", NULL);
    const char *name = plx_args_value(args, "name", NULL);
    int64_t uses;
    if (!region)
        return plx_why_set(why, PLX_EINVAL, "which region? --region REGION");
    if (plx_text_int(plx_args_value(args, "uses", "1"), 1, 10000, &uses) < 0)
        return plx_why_set(why, PLX_EINVAL, "--uses must be a number from 1 to 10000");
    plx_json_kstr(&q->json, "region", region);
    plx_json_kstr(&q->json, "ttl", plx_args_value(args, "ttl", "1h"));
    plx_json_kint(&q->json, "uses", uses);
    if (name)
        plx_json_kstr(&q->json, "name", name);
    return plx_pairs_write(args, "label", &q->json, "labels", why);
}

/* The token alone on standard output, what to do with it beside it. */
static void print_token(const struct plx_cli *cli, const json_t *answer)
{
    plx_say("%s\n", plx_field(answer, "token"));
    fflush(stdout);
    if (!plx_args_has(&cli->args, "quiet"))
        plx_remark("valid until %s; shown this once. On the agent's machine:\n"
                   "  parallax-agent enroll TOKEN\n",
                   plx_field(answer, "expires"));
}

int plx_cmd_token_create(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    int code = plx_question_fill(&q, &cli->args, fill_question);
    if (code != PLX_EXIT_OK)
        return code;
    code = plx_ask(cli, "agents.token.create", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        print_token(cli, answer);
    json_decref(answer);
    return code;
}

static void print_list(const struct plx_cli *cli, const json_t *answer)
{
    static const struct plx_column columns[] = {
        {"id", "ID", true, 0},
        {"region", "REGION", false, 0},
        {"name", "NAME", false, 24},
        {"uses_left", "USES LEFT", true, 0},
        {"expires", "EXPIRES", false, 0},
    };
    const json_t *list = json_object_get(answer, "tokens");
    struct plx_table *table = plx_table_new(cli, columns, 5);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *t = json_array_get(list, i);
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld", (long long)plx_field_int(t, "id"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(t, "region"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(t, "name"));
        plx_table_cellf(table, PLX_STYLE_NONE, "%lld",
                        (long long)plx_field_int(t, "uses_left"));
        plx_table_cell(table, PLX_STYLE_NONE, plx_field(t, "expires"));
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

int plx_cmd_token_list(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    int code = plx_ask(cli, "agents.token.list", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer) &&
        !plx_say_if_empty(cli, answer, "tokens", "no token is valid now"))
        print_list(cli, answer);
    json_decref(answer);
    return code;
}

int plx_cmd_token_revoke(struct plx_cli *cli)
{
    struct plx_question q;
    int64_t id;
    json_t *answer = NULL;
    if (plx_text_int(cli->args.words[0], 1, INT64_MAX, &id) < 0)
        return plx_complain(PLX_EXIT_USAGE, "'%s' is no token's id (agents token list)",
                            cli->args.words[0]);
    plx_question_init(&q);
    plx_json_kint(&q.json, "id", id);
    int code = plx_ask(cli, "agents.token.revoke", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        plx_say("token %s is no longer valid\n", cli->args.words[0]);
    json_decref(answer);
    return code;
}
