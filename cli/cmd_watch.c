/* The live view in a terminal. A thread asks the coordinator: the overview, then for
 * events until one comes, then again; the other one draws and reads keys. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/verdict.h"
#include "cli/view.h"
#include "cli/watch_screen.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEY_MS  200
#define WAIT    "4s" /* an overview is this old at most */
#define ANSWER  "8s" /* longer than that, and who watches is told */
#define RETRY_S 2

struct watch {
    struct plx_cli *cli;
    pthread_mutex_t lock;
    json_t *fresh; /* came and is not drawn yet; handed over */
    bool silent;   /* the last question was not answered */
    bool changed;
};

static volatile sig_atomic_t ended;

static void on_signal(int signo)
{
    (void)signo;
    ended = 1;
}

static json_t *ask(struct plx_cli *cli, const char *method, struct plx_question *q)
{
    json_t *answer = NULL;
    if (plx_ask(cli, method, q, &answer) == PLX_EXIT_OK)
        return answer;
    json_decref(answer);
    return NULL;
}

static void hand_over(struct watch *w, json_t *overview)
{
    pthread_mutex_lock(&w->lock);
    if (overview) {
        json_decref(w->fresh);
        w->fresh = overview;
    }
    w->silent = !overview;
    w->changed = true;
    pthread_mutex_unlock(&w->lock);
}

/* Until something happens; at once if that cannot be asked. */
static void await_event(struct watch *w)
{
    struct plx_question q;
    plx_question_init(&q);
    plx_json_kstr(&q.json, "wait", WAIT);
    json_decref(ask(w->cli, "events", &q));
}

static void *fetch(void *arg)
{
    struct watch *w = arg;
    const struct timespec pause = {.tv_sec = RETRY_S};
    for (;;) {
        struct plx_question q;
        plx_question_init(&q);
        json_t *overview = ask(w->cli, "overview", &q);
        bool got = overview != NULL;
        hand_over(w, overview);
        if (got)
            await_event(w);
        else
            nanosleep(&pause, NULL);
    }
    return NULL;
}

/* Takes in what came. True: there is something to draw. */
static bool receive(struct watch *w, struct plx_watch_view *view)
{
    pthread_mutex_lock(&w->lock);
    json_t *fresh = w->fresh;
    bool changed = w->changed;
    w->fresh = NULL;
    w->changed = false;
    view->trouble = w->silent ? "the coordinator does not answer; trying again" : "";
    pthread_mutex_unlock(&w->lock);
    if (!fresh)
        return changed;
    free(view->monitors);
    json_decref(view->overview);
    view->overview = fresh;
    view->monitors = plx_view_sorted(fresh, &view->n_monitors);
    return true;
}

static void act(struct plx_watch_view *view, enum plx_watch_key key)
{
    size_t page = plx_watch_screen_page();
    switch (key) {
    case PLX_WATCH_UP:
        view->first -= view->first > 0;
        break;
    case PLX_WATCH_DOWN:
        view->first++;
        break;
    case PLX_WATCH_PAGE_UP:
        view->first -= view->first > page ? page : view->first;
        break;
    case PLX_WATCH_PAGE_DOWN:
        view->first += page;
        break;
    case PLX_WATCH_TOP:
        view->first = 0;
        break;
    case PLX_WATCH_ALL:
        view->all = !view->all;
        view->first = 0;
        break;
    default:
        break;
    }
}

static void run(struct watch *w, bool all)
{
    struct plx_watch_view view = {.trouble = "", .all = all};
    time_t drawn = 0;
    for (;;) {
        enum plx_watch_key key = plx_watch_screen_key(KEY_MS);
        if (key == PLX_WATCH_QUIT || ended)
            break;
        act(&view, key);
        bool news = receive(w, &view);
        /* Once a second in any case: ages grow. */
        if (news || key != PLX_WATCH_NONE || time(NULL) != drawn)
            plx_watch_screen_draw(&view);
        drawn = time(NULL);
    }
    free(view.monitors);
    json_decref(view.overview);
}

/* Complaints about a coordinator that is away would be written over the screen: what is
 * the matter stands on it. */
static void silence_stderr(void)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0)
        dup2(nowhere, STDERR_FILENO);
}

int plx_cmd_watch(struct plx_cli *cli)
{
    /* Static: the asking thread may still be within a question at the end. */
    static struct watch w = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct sigaction action = {.sa_handler = on_signal};
    pthread_t thread;
    const char *term = getenv("TERM");
    if (!cli->terminal || !isatty(STDIN_FILENO) || !term || !*term ||
        strcmp(term, "dumb") == 0)
        return plx_complain(PLX_EXIT_USAGE,
                            "watch needs a terminal; without one: status, or events "
                            "--follow");
    w.cli = cli;
    cli->wait = ANSWER;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    if (!plx_watch_screen_begin(cli->colour))
        return plx_complain(PLX_EXIT_FAILED, "this terminal ('%s') cannot be drawn on",
                            term);
    silence_stderr();
    if (pthread_create(&thread, NULL, fetch, &w) == 0)
        run(&w, plx_args_has(&cli->args, "all"));
    plx_watch_screen_end();
    fflush(stdout);
    _exit(PLX_EXIT_OK);
}
