#include "cli/changes.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/render.h"

#include "base/err.h"
#include "base/text.h"

static void fill_question(struct plx_question *q, const struct plx_files *files,
                          bool dry_run, bool prune)
{
    plx_question_init(q);
    plx_json_kstr(&q->json, "file", files->name);
    plx_json_kbool(&q->json, "dry_run", dry_run);
    plx_json_kbool(&q->json, "prune", prune);
    plx_json_kstr(&q->json, "text", files->text);
}

/* A file's error stands alone on its line, without our name in front, so that editors can
 * jump to it. */
static int refuse_files(struct plx_why *why, int err)
{
    bool has_place = err == PLX_EINVAL || err == PLX_ETOOBIG;
    if (!has_place)
        return plx_complain(plx_exit_of(err), "%s", why->text);
    plx_text_tame(why->text);
    fprintf(stderr, "%s\n", why->text);
    return PLX_EXIT_USAGE;
}

static int check_only(struct plx_cli *cli, struct plx_files *files)
{
    if (cli->format == PLX_FORMAT_JSON)
        plx_say("{\"files\": %zu, \"monitors\": %zu}\n", files->n_files,
                files->n_monitors);
    else if (files->n_rules == 0)
        plx_say("%s: good, %zu monitor%s\n", files->name, files->n_monitors,
                files->n_monitors == 1 ? "" : "s");
    else
        plx_say("%s: good, %zu monitor%s, %zu alerting rule%s\n", files->name,
                files->n_monitors, files->n_monitors == 1 ? "" : "s", files->n_rules,
                files->n_rules == 1 ? "" : "s");
    plx_files_fini(files);
    return PLX_EXIT_OK;
}

static int ask(struct plx_cli *cli, bool dry_run, json_t **ret)
{
    struct plx_files files;
    struct plx_question q;
    struct plx_why why;
    int err = plx_files_read(&cli->args, &files, &why);
    if (err < 0)
        return refuse_files(&why, err);
    fill_question(&q, &files, dry_run, plx_args_has(&cli->args, "prune"));
    plx_files_fini(&files);
    return plx_ask(cli, "apply", &q, ret);
}

int plx_cmd_apply(struct plx_cli *cli)
{
    struct plx_why why;
    json_t *answer = NULL;
    bool dry_run = plx_args_has(&cli->args, "dry-run");
    if (plx_args_has(&cli->args, "check")) {
        struct plx_files files;
        int err = plx_files_read(&cli->args, &files, &why);
        return err < 0 ? refuse_files(&why, err) : check_only(cli, &files);
    }
    int code = ask(cli, dry_run, &answer);
    if (code == PLX_EXIT_OK)
        plx_changes_print(cli, answer, dry_run);
    json_decref(answer);
    return code;
}

int plx_cmd_diff(struct plx_cli *cli)
{
    json_t *answer = NULL;
    int code = ask(cli, true, &answer);
    if (code == PLX_EXIT_OK) {
        plx_changes_print(cli, answer, true);
        code = plx_changes_any(answer) ? PLX_EXIT_NO : PLX_EXIT_OK;
    }
    json_decref(answer);
    return code;
}
