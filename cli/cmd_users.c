/* Who may use the HTTP API: people (users) and programs (tokens). */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_MAX 256

/* Reads a line without showing it, if a terminal is there to show it. */
static int read_secret(const char *prompt, char ret[PASSWORD_MAX + 2])
{
    struct termios was, quiet;
    bool terminal = tcgetattr(STDIN_FILENO, &was) == 0;
    if (terminal) {
        quiet = was;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        fprintf(stderr, "%s: ", prompt);
    }
    char *line = fgets(ret, PASSWORD_MAX + 2, stdin);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
        fputc('\n', stderr);
    }
    if (!line)
        return PLX_EINVAL;
    ret[strcspn(ret, "\n")] = '\0';
    return 0;
}

/* Asks twice on a terminal, takes one line of anything else. */
static int read_password(char ret[PASSWORD_MAX + 2], struct plx_why *why)
{
    char again[PASSWORD_MAX + 2];
    if (read_secret("password", ret) < 0)
        return plx_why_set(why, PLX_EINVAL, "no password on standard input");
    if (!isatty(STDIN_FILENO))
        return 0;
    if (read_secret("once more", again) < 0 || strcmp(ret, again) != 0)
        return plx_why_set(why, PLX_EINVAL, "the two are not the same");
    return 0;
}

int plx_cmd_users_put(struct plx_cli *cli)
{
    char password[PASSWORD_MAX + 2];
    struct plx_why why;
    struct plx_question q;
    json_t *answer = NULL;
    if (read_password(password, &why) < 0)
        return plx_complain(PLX_EXIT_USAGE, "%s", why.text);
    plx_question_init(&q);
    plx_json_kstr(&q.json, "name", cli->args.words[0]);
    plx_json_kstr(&q.json, "role", plx_args_value(&cli->args, "role", "viewer"));
    plx_json_kstr(&q.json, "password", password);
    explicit_bzero(password, sizeof password);
    int code = plx_ask(cli, "users.put", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        plx_say("%s may log in as %s\n", plx_field(answer, "name"),
                plx_field(answer, "role"));
    json_decref(answer);
    return code;
}

static void print_list(const struct plx_cli *cli, const json_t *list)
{
    static const struct plx_column columns[] = {
        {"name", "NAME", false, 0},
        {"role", "ROLE", false, 0},
        {"created", "CREATED", false, 0},
        {"expires", "EXPIRES", false, 0},
    };
    struct plx_table *table = plx_table_new(cli, columns, 4);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        for (size_t c = 0; c < 4; c++)
            plx_table_cell(table, PLX_STYLE_NONE, plx_field(entry, columns[c].key));
    }
    plx_table_print(table);
    plx_table_destroy(&table);
}

static int list(struct plx_cli *cli, const char *method, const char *key,
                const char *nobody)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    int code = plx_ask(cli, method, &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer) &&
        !plx_say_if_empty(cli, answer, key, nobody))
        print_list(cli, json_object_get(answer, key));
    json_decref(answer);
    return code;
}

int plx_cmd_users_list(struct plx_cli *cli)
{
    return list(cli, "users.list", "users", "nobody can log in");
}

int plx_cmd_tokens_list(struct plx_cli *cli)
{
    return list(cli, "tokens.list", "tokens", "there are no API tokens");
}

static int take_out(struct plx_cli *cli, const char *method, const char *sentence)
{
    struct plx_question q;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "name", cli->args.words[0]);
    int code = plx_ask(cli, method, &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer))
        plx_say("%s %s\n", cli->args.words[0], sentence);
    json_decref(answer);
    return code;
}

int plx_cmd_users_rm(struct plx_cli *cli)
{
    return take_out(cli, "users.remove", "may no longer log in");
}

int plx_cmd_tokens_revoke(struct plx_cli *cli)
{
    return take_out(cli, "tokens.revoke", "is no longer valid");
}

int plx_cmd_tokens_create(struct plx_cli *cli)
{
    struct plx_question q;
    json_t *answer = NULL;
    const char *ttl = plx_args_value(&cli->args, "ttl", NULL);
    plx_question_init(&q);
    plx_json_kstr(&q.json, "name", cli->args.words[0]);
    plx_json_kstr(&q.json, "role", plx_args_value(&cli->args, "role", "viewer"));
    if (ttl)
        plx_json_kstr(&q.json, "ttl", ttl);
    if (plx_args_has(&cli->args, "replace"))
        plx_json_kbool(&q.json, "replace", true);
    int code = plx_ask(cli, "tokens.create", &q, &answer);
    if (code == PLX_EXIT_OK && !plx_show_data(cli, answer)) {
        plx_say("%s\n", plx_field(answer, "token"));
        fflush(stdout);
        fprintf(stderr, "shown this once; to be sent as  Authorization: Bearer …\n");
    }
    json_decref(answer);
    return code;
}
