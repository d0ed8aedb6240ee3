#include "coordinator/io/courier.h"

#include "base/err.h"
#include "base/text.h"
#include "coordinator/io/runner.h"
#include "coordinator/io/secrets.h"
#include "sys/clock.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define CONNECT_MS 5000
#define CA_MAX     ((size_t)1024 * 1024) /* bytes of a ca_file */
#define AGENT      "parallax/" PLX_VERSION
#define RUNS_MAX   16 /* programs at once; the others wait for their next attempt */

struct plx_courier_job {
    struct plx_courier_job *next;
    const struct plx_receiver_kind *kind;
    CURL *easy;          /* NULL: a program runs */
    struct plx_run *run; /* NULL: a transfer is under way */
    struct curl_slist *headers, *rcpts;
    struct plx_request request;
    struct plx_buf answer;
    bool cut;
    bool off_limits;
    size_t sent; /* mail: of the body */
    char error[CURL_ERROR_SIZE];
};

struct plx_courier {
    CURLM *multi;
    char *commands_dir; /* NULL: no programs are run */
    char *secrets_dir;  /* NULL: no files are read */
    struct plx_courier_job *jobs;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

int plx_courier_new(const char *commands_dir, const char *secrets_dir,
                    struct plx_courier **ret, struct plx_why *why)
{
    pthread_once(&once, init_curl);
    struct plx_courier *courier = calloc(1, sizeof *courier);
    if (!courier)
        abort();
    courier->multi = curl_multi_init();
    if (!courier->multi) {
        free(courier);
        return plx_why_set(why, PLX_EIO, "cannot set up libcurl");
    }
    courier->commands_dir = plx_text_dup(commands_dir);
    courier->secrets_dir = plx_text_dup(secrets_dir);
    *ret = courier;
    return 0;
}

static void free_job(struct plx_courier *courier, struct plx_courier_job *job)
{
    for (struct plx_courier_job **at = &courier->jobs; *at; at = &(*at)->next)
        if (*at == job) {
            *at = job->next;
            break;
        }
    if (job->easy) {
        curl_multi_remove_handle(courier->multi, job->easy);
        curl_easy_cleanup(job->easy);
    }
    plx_run_destroy(&job->run);
    curl_slist_free_all(job->headers);
    curl_slist_free_all(job->rcpts);
    plx_request_fini(&job->request);
    plx_buf_fini(&job->answer);
    free(job);
}

void plx_courier_destroy(struct plx_courier **courier)
{
    if (!*courier)
        return;
    while ((*courier)->jobs)
        free_job(*courier, (*courier)->jobs);
    curl_multi_cleanup((*courier)->multi);
    free((*courier)->commands_dir);
    free((*courier)->secrets_dir);
    free(*courier);
    *courier = NULL;
}

/* ---- one transfer ---- */

static size_t on_answer(char *data, size_t size, size_t n, void *arg)
{
    struct plx_courier_job *job = arg;
    size_t len = size * n, room = PLX_COURIER_ANSWER_MAX - job->answer.len;
    plx_buf_add(&job->answer, data, len < room ? len : room);
    if (len <= room)
        return len;
    job->cut = true;
    return 0; /* enough: ends the transfer */
}

static size_t on_mail(char *to, size_t size, size_t n, void *arg)
{
    struct plx_courier_job *job = arg;
    size_t left = job->request.body.len - job->sent, room = size * n;
    size_t len = left < room ? left : room;
    memcpy(to, plx_buf_str(&job->request.body) + job->sent, len);
    job->sent += len;
    return len;
}

/* Link-local: a cloud's metadata service and its secrets, or a neighbour nobody meant. */
static bool is_off_limits(const struct sockaddr *addr)
{
    const uint8_t *v4 = NULL;
    if (addr->sa_family == AF_INET)
        v4 = (const uint8_t *)&((const struct sockaddr_in *)(const void *)addr)->sin_addr;
    if (addr->sa_family == AF_INET6) {
        const struct in6_addr *v6 =
            &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
        if (IN6_IS_ADDR_LINKLOCAL(v6))
            return true;
        if (IN6_IS_ADDR_V4MAPPED(v6))
            v4 = &v6->s6_addr[12];
    }
    return v4 && v4[0] == 169 && v4[1] == 254;
}

/* Looks at the address itself: names may change between a look and a connection. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose,
                                 struct curl_sockaddr *address)
{
    struct plx_courier_job *job = arg;
    (void)purpose;
    if (is_off_limits(&address->addr)) {
        job->off_limits = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void set_http(struct plx_courier_job *job)
{
    CURL *easy = job->easy;
    for (size_t i = 0; i < job->request.n_headers; i++)
        job->headers = curl_slist_append(job->headers, job->request.headers[i]);
    job->headers = curl_slist_append(job->headers, "Expect:");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, plx_buf_str(&job->request.body));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)job->request.body.len);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, job->headers);
    if (job->request.method)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, job->request.method);
}

static void set_mail(struct plx_courier_job *job)
{
    CURL *easy = job->easy;
    for (size_t i = 1; i < job->request.n_words; i++)
        job->rcpts = curl_slist_append(job->rcpts, job->request.words[i]);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, job->request.words[0]);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, job->rcpts);
    /* One wrong address does not keep the others from being told. */
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_mail);
    curl_easy_setopt(easy, CURLOPT_READDATA, job);
    curl_easy_setopt(easy, CURLOPT_USE_SSL,
                     (long)(job->request.tls_required ? CURLUSESSL_ALL : CURLUSESSL_TRY));
}

static void set_common(struct plx_courier_job *job, int64_t timeout_ns)
{
    CURL *easy = job->easy;
    const struct plx_request *r = &job->request;
    long ms = (long)(timeout_ns / PLX_MS_NS);
    curl_easy_setopt(easy, CURLOPT_URL, r->url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, job);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, job->error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a stop waits for no name server */
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, ms < CONNECT_MS ? ms : CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, AGENT);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, job);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, job);
    if (r->username)
        curl_easy_setopt(easy, CURLOPT_USERNAME, r->username);
    if (r->password)
        curl_easy_setopt(easy, CURLOPT_PASSWORD, r->password);
}

/* Read by us: libcurl would open whatever has the name. */
static int set_authorities(struct plx_courier *courier, struct plx_courier_job *job,
                           struct plx_why *why)
{
    char *text;
    struct curl_blob blob = {.flags = CURL_BLOB_COPY};
    if (!job->request.ca_file)
        return 0;
    int err = plx_secrets_read(courier->secrets_dir, job->request.ca_file, CA_MAX, &text,
                               &blob.len, why);
    if (err < 0)
        return plx_why_in(why, err, "'ca_file'");
    blob.data = text;
    CURLcode rc = curl_easy_setopt(job->easy, CURLOPT_CAINFO_BLOB, &blob);
    free(text);
    return rc == CURLE_OK ? 0 : plx_why_set(why, PLX_EIO, "libcurl takes no 'ca_file'");
}

static int build(struct plx_courier_job *job, const struct plx_receiver *receiver,
                 const char *message_json, struct plx_why *why)
{
    struct plx_message message;
    int err = plx_message_read(message_json, &message, why);
    if (err < 0)
        return err;
    err = plx_receiver_build(receiver, &message, plx_clock_wall(), &job->request, why);
    plx_message_fini(&message);
    return err;
}

static int start_program(struct plx_courier *courier, struct plx_courier_job *job,
                         int64_t timeout_ns, struct plx_why *why)
{
    size_t n = 0;
    const struct plx_request *r = &job->request;
    for (const struct plx_courier_job *other = courier->jobs; other; other = other->next)
        n += other->run != NULL;
    if (!courier->commands_dir)
        return plx_why_set(why, PLX_EDENIED,
                           "the coordinator has no commands_dir: it runs no programs");
    if (n >= RUNS_MAX)
        return plx_why_set(why, PLX_EBUSY, "%d programs run already", RUNS_MAX);
    return plx_run_start(courier->commands_dir, r->words, r->n_words, &r->body,
                         plx_mono_add(plx_clock_mono(), timeout_ns), &job->run, why);
}

static int start(struct plx_courier *courier, struct plx_courier_job *job,
                 int64_t timeout_ns, struct plx_why *why)
{
    if (job->request.transport == PLX_TRANSPORT_COMMAND)
        return start_program(courier, job, timeout_ns, why);
    job->easy = curl_easy_init();
    if (!job->easy)
        return plx_why_set(why, PLX_ENOMEM, "libcurl gives no handle");
    set_common(job, timeout_ns);
    int err = set_authorities(courier, job, why);
    if (err < 0)
        return err;
    if (job->request.transport == PLX_TRANSPORT_HTTP)
        set_http(job);
    else
        set_mail(job);
    if (curl_multi_add_handle(courier->multi, job->easy) != CURLM_OK)
        return plx_why_set(why, PLX_EIO, "libcurl takes no more transfers");
    return 0;
}

int plx_courier_send(struct plx_courier *courier, const struct plx_receiver *receiver,
                     const char *message_json, struct plx_courier_job **ret,
                     enum plx_fate *ret_fate, struct plx_why *why)
{
    struct plx_receiver filled;
    const struct plx_receiver_kind *kind = plx_receiver_kind(receiver->kind);
    *ret_fate = PLX_FATE_REFUSED;
    if (!kind)
        return plx_why_set(why, PLX_EINVAL, "there is no kind of receiver '%s'",
                           receiver->kind);
    /* A file that is not there may come, and one that will not do may be mended. */
    int err = plx_secrets_fill(courier->secrets_dir, receiver, &filled, why);
    if (err < 0) {
        *ret_fate = PLX_FATE_RETRY;
        return err;
    }
    struct plx_courier_job *job = calloc(1, sizeof *job);
    if (!job)
        abort();
    job->kind = kind;
    plx_request_init(&job->request);
    plx_buf_init(&job->answer, PLX_COURIER_ANSWER_MAX);
    err = build(job, &filled, message_json, why);
    plx_receiver_fini(&filled);
    if (err == 0) {
        *ret_fate = PLX_FATE_RETRY;
        err = start(courier, job, receiver->timeout_ns, why);
    }
    if (err < 0) {
        free_job(courier, job);
        return err;
    }
    job->next = courier->jobs;
    courier->jobs = job;
    *ret = job;
    return 0;
}

/* ---- the end of transfers ---- */

static int64_t asked_wait_ns(CURL *easy)
{
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    return seconds > 0 && seconds < 86400 ? seconds * PLX_SEC_NS : 0;
}

/* A transfer that we ended because there was enough of it has its status all the same. */
static enum plx_fate judge(struct plx_courier_job *job, CURLcode rc, struct plx_why *why)
{
    long status = 0;
    curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
    const char *trouble = job->error[0] ? job->error : curl_easy_strerror(rc);
    bool whole = rc == CURLE_OK || job->cut;
    if (job->off_limits && !whole)
        trouble = "its address is link-local, which is off limits to receivers";
    if (job->request.transport == PLX_TRANSPORT_HTTP && !whole)
        status = 0;
    const struct plx_reply reply = {
        .status = status,
        .body = plx_buf_str(&job->answer),
        .trouble = whole ? "" : trouble,
    };
    return job->kind->judge ? job->kind->judge(&reply, why)
                            : plx_reply_judge(&reply, why);
}

static void finish_done(struct plx_courier *courier, plx_courier_done_fn *fn, void *arg)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(courier->multi, &left))) {
        struct plx_courier_job *job;
        struct plx_why why = {""};
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURLcode rc = msg->data.result;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &job);
        enum plx_fate fate = judge(job, rc, &why);
        fn(arg, job, fate, asked_wait_ns(job->easy), why.text);
        free_job(courier, job);
    }
}

/* ---- programs ---- */

static void move_programs(struct plx_courier *courier, plx_courier_done_fn *fn, void *arg)
{
    struct plx_courier_job *next;
    for (struct plx_courier_job *job = courier->jobs; job; job = next) {
        struct plx_why why = {""};
        struct plx_reply reply = {.trouble = ""};
        next = job->next;
        if (!job->run || !plx_run_turn(job->run, plx_clock_mono(), &job->answer,
                                       &reply.status, &reply.trouble))
            continue;
        reply.body = plx_buf_str(&job->answer);
        enum plx_fate fate = job->kind->judge(&reply, &why);
        fn(arg, job, fate, 0, why.text);
        free_job(courier, job);
    }
}

/* The descriptors of programs; shortens the wait to the nearest end of their time. */
static unsigned watch_programs(const struct plx_courier *courier,
                               struct curl_waitfd fds[RUNS_MAX * PLX_RUN_FDS],
                               int *wait_ms)
{
    unsigned n = 0;
    for (const struct plx_courier_job *job = courier->jobs; job; job = job->next) {
        struct pollfd own[PLX_RUN_FDS];
        size_t n_own = job->run ? plx_run_fds(job->run, own) : 0;
        for (size_t i = 0; i < n_own; i++)
            fds[n++] = (struct curl_waitfd){.fd = own[i].fd,
                                            .events = own[i].events == POLLOUT
                                                          ? CURL_WAIT_POLLOUT
                                                          : CURL_WAIT_POLLIN};
        int64_t left_ns =
            n_own ? plx_mono_diff(plx_run_deadline(job->run), plx_clock_mono())
                  : INT64_MAX;
        if (left_ns < *wait_ms * PLX_MS_NS)
            *wait_ms = left_ns > 0 ? (int)(left_ns / PLX_MS_NS) + 1 : 0;
    }
    return n;
}

static void move(struct plx_courier *courier, plx_courier_done_fn *fn, void *arg)
{
    int running;
    curl_multi_perform(courier->multi, &running);
    finish_done(courier, fn, arg);
    move_programs(courier, fn, arg);
}

void plx_courier_turn(struct plx_courier *courier, int wait_ms, plx_courier_done_fn *fn,
                      void *arg)
{
    struct curl_waitfd fds[RUNS_MAX * PLX_RUN_FDS];
    move(courier, fn, arg);
    unsigned n = watch_programs(courier, fds, &wait_ms);
    curl_multi_poll(courier->multi, fds, n, wait_ms, NULL);
    move(courier, fn, arg);
}

void plx_courier_wake(struct plx_courier *courier)
{
    curl_multi_wakeup(courier->multi);
}
