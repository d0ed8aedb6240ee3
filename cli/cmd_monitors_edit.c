/* monitors edit: one monitor's YAML in the user's editor, applied when it is good. */
#include "cli/changes.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/render.h"

#include "base/err.h"
#include "base/text.h"
#include "schema/monitors.h"
#include "sys/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1024 * 1024)

/* The monitor as the coordinator has it, in YAML. */
static int fetch(struct plx_cli *cli, const char *name, struct plx_buf *yaml)
{
    struct plx_question q;
    struct plx_monitors monitors;
    struct plx_why why;
    json_t *answer = NULL;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "name", name);
    int code = plx_ask(cli, "monitors.show", &q, &answer);
    if (code != PLX_EXIT_OK)
        return code;
    char *text = json_dumps(json_object_get(answer, "monitor"), JSON_INDENT(1));
    json_decref(answer);
    if (!text || plx_monitors_parse("answer", text, strlen(text), &monitors, &why) < 0)
        code = plx_complain(PLX_EXIT_FAILED, "the coordinator's answer is unreadable");
    else {
        plx_monitor_to_yaml(&monitors.list[0], yaml);
        plx_monitors_fini(&monitors);
    }
    free(text);
    return code;
}

/* Runs $VISUAL, $EDITOR or vi on the file; through a shell, as they may hold options. */
static int run_editor(const char *path)
{
    const char *visual = getenv("VISUAL"), *editor = getenv("EDITOR");
    const char *command = visual && *visual ? visual : editor && *editor ? editor : "vi";
    char *line;
    int status = 0;
    if (asprintf(&line, "%s \"$1\"", command) < 0)
        abort();
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", line, "sh", path, (char *)NULL);
        _exit(127);
    }
    free(line);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return plx_complain(PLX_EXIT_FAILED,
                            "the editor '%s' failed: nothing was changed", command);
    return PLX_EXIT_OK;
}

/* The edited text, checked: still one monitor, of the same name. */
static int read_back(const char *path, const char *name, char **ret_text,
                     struct plx_why *why)
{
    struct plx_monitors monitors;
    size_t len;
    char *text;
    int err = plx_file_read(path, FILE_MAX_BYTES, &text, &len, why);
    if (err < 0)
        return err;
    err = plx_monitors_parse(path, text, len, &monitors, why);
    if (err < 0) {
        free(text);
        return err;
    }
    if (monitors.n != 1 || strcmp(monitors.list[0].name, name) != 0)
        err =
            plx_why_set(why, PLX_EINVAL, "the file must hold the one monitor '%s'", name);
    plx_monitors_fini(&monitors);
    if (err < 0)
        free(text);
    else
        *ret_text = text;
    return err;
}

/* What was written is kept when it is not good: an hour of editing may be in it. */
static int edit(struct plx_cli *cli, const char *name, const char *path)
{
    struct plx_why why;
    char *text;
    int code = run_editor(path);
    if (code != PLX_EXIT_OK)
        return code;
    if (read_back(path, name, &text, &why) < 0)
        return plx_complain(PLX_EXIT_USAGE, "%s (the text is kept in %s)", why.text,
                            path);
    code = plx_changes_apply(cli, path, text);
    free(text);
    if (code == PLX_EXIT_OK)
        unlink(path);
    return code;
}

int plx_cmd_monitors_edit(struct plx_cli *cli)
{
    struct plx_buf yaml;
    char path[] = "/tmp/parallax-XXXXXX.yaml";
    const char *name = cli->args.words[0];
    plx_buf_init(&yaml, FILE_MAX_BYTES);
    int code = fetch(cli, name, &yaml);
    int fd = code == PLX_EXIT_OK ? mkstemps(path, 5) : -1;
    if (code == PLX_EXIT_OK &&
        (fd < 0 || write(fd, plx_buf_str(&yaml), yaml.len) != (ssize_t)yaml.len))
        code =
            plx_complain(PLX_EXIT_FAILED, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    plx_buf_fini(&yaml);
    return code == PLX_EXIT_OK ? edit(cli, name, path) : code;
}
