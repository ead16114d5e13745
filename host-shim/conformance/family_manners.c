/* SPDX-License-Identifier: Apache-2.0 */
/* MANNER-1: what belongs to the host stays as it was. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blob.h"
#include "environment.h"
#include "verbs.h"

extern char **environ;

/* Every kind of work, failures included. */
static void live(struct world *w)
{
    CALL(c);
    const struct key key = key_of(w, "blob"), absent = key_of(w, "absent");
    const struct content content = content_of(test_seed(w, 1), 12 * MIB);
    struct regstore_stat st = STAT_INIT;
    char token[REGSTORE_TOKEN_MAX];
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &content, 7 * MIB);
    upload_park(w, u, token);
    u = upload_resume(w, token);
    upload_fill(w, u, &content, content.length);
    upload_finish(w, u, key.s);
    upload_end(w, u);
    blob_must_be(w, key.s, &content);
    EXPECT(&c, w->p->stat(w->store, &c.in, absent.s, &st), REGSTORE_NOT_FOUND);
    EXPECT(&c, w->p->stat(w->store, &c.in, "bad//key", &st), REGSTORE_INVALID);
    if (w->p->copy != NULL)
        EXPECT_OK(&c, w->p->copy(w->store, &c.in, key.s, absent.s, NULL));
    blob_delete(w, key.s);
    blob_delete(w, absent.s);
}

static void live_once(struct world *w)
{
    world_open_store(w);
    live(w);
    world_clear(w);
}

/* One text of all variables. */
static char *copy_environment(struct world *w)
{
    size_t len = 1, at = 0;
    for (char **e = environ; *e != NULL; e++)
        len += strlen(*e) + 1;
    char *text = calloc(len, 1);
    CLAIM(text != NULL, "no memory for the test itself");
    for (char **e = environ; *e != NULL; e++)
        at += (size_t)snprintf(text + at, len - at, "%s\n", *e);
    return text;
}

static void environment_and_locale_stay(struct world *w)
{
    char *before = copy_environment(w);
    char locale[256];
    (void)snprintf(locale, sizeof locale, "%s", setlocale(LC_ALL, NULL));
    live_once(w);
    char *after = copy_environment(w);
    CLAIM(strcmp(before, after) == 0, "the environment was\n%.500s\nand is\n%.500s", before, after);
    CLAIM(strcmp(locale, setlocale(LC_ALL, NULL)) == 0, "the locale was %s and is %s", locale,
          setlocale(LC_ALL, NULL));
    free(before);
    free(after);
}

static void umask_and_folder_stay(struct world *w)
{
    char before[PATH_MAX], after[PATH_MAX];
    (void)umask(027);
    CLAIM(getcwd(before, sizeof before) != NULL, "the test does not know its folder");
    live_once(w);
    const mode_t mask = umask(022);
    CLAIM(mask == 027, "umask was 027 and is %03o", (unsigned)mask);
    CLAIM(getcwd(after, sizeof after) != NULL && strcmp(before, after) == 0,
          "the folder was %s and is %s", before, after);
}

static void signal_handlers_and_mask_stay(struct world *w)
{
    struct sigaction before[65] = {0}, after;
    sigset_t mask_before, mask_after;
    for (int i = 1; i < 65; i++)
        (void)sigaction(i, NULL, &before[i]); /* some numbers are the C library's own */
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask_before); /* only asks */
    live_once(w);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask_after);
    for (int i = 1; i < 65; i++) {
        if (sigaction(i, NULL, &after) != 0)
            continue;
        CLAIM(after.sa_handler == before[i].sa_handler && after.sa_flags == before[i].sa_flags,
              "the handler of signal %d (%s) changed", i, strsignal(i));
    }
    for (int i = 1; i < 65; i++)
        CLAIM(sigismember(&mask_before, i) == sigismember(&mask_after, i),
              "the caller's thread has signal %d %sblocked now", i,
              sigismember(&mask_after, i) == 1 ? "" : "un");
}

/* Which descriptors there are; those of the test itself are among them. */
static void note_descriptors(struct world *w, bool open[4096])
{
    DIR *folder = opendir("/proc/self/fd");
    CLAIM(folder != NULL, "/proc/self/fd cannot be read");
    memset(open, 0, 4096 * sizeof *open);
    for (const struct dirent *e = readdir(folder); e != NULL; e = readdir(folder)) {
        const unsigned long fd = strtoul(e->d_name, NULL, 10);
        if (e->d_name[0] != '.' && fd < 4096 && fd != (unsigned long)dirfd(folder))
            open[fd] = true;
    }
    (void)closedir(folder); /* nothing was written */
}

static void descriptors_are_close_on_exec(struct world *w)
{
    static bool before[4096], now[4096];
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 12 * MIB);
    note_descriptors(w, before);
    world_open_store(w);
    blob_put(w, key.s, &content);
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &content, 7 * MIB);
    struct regstore_reader *r = reader_new(w, key.s, 0, 0);
    note_descriptors(w, now);
    for (int fd = 0; fd < 4096; fd++) {
        const int flags = now[fd] && !before[fd] ? fcntl(fd, F_GETFD) : -1;
        char link[64], target[256] = "";
        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        if (flags >= 0 && !(flags & FD_CLOEXEC) && readlink(link, target, sizeof target - 1) >= 0)
            FAIL("descriptor %d (%s) is not close-on-exec", fd, target);
    }
    CALL(c);
    w->p->read_close(r);
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    upload_end(w, u);
}

static void second_life_leaves_no_more_descriptors_and_threads(struct world *w)
{
    live_once(w);
    const unsigned descriptors = count_descriptors(), threads = count_threads();
    for (unsigned i = 0; i < 3; i++)
        live_once(w);
    CLAIM(count_descriptors() <= descriptors, "%u descriptors after one store, %u after four",
          descriptors, count_descriptors());
    CLAIM(count_threads() <= threads, "%u threads after one store, %u after four", threads,
          count_threads());
}

static void nothing_is_printed(struct world *w)
{
    FILE *out = tmpfile();
    CLAIM(out != NULL, "the test has no temporary file");
    const int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO);
    (void)fflush(stdout); /* what the test has printed so far: nothing */
    CLAIM(saved_out >= 0 && saved_err >= 0 && dup2(fileno(out), STDOUT_FILENO) >= 0 &&
              dup2(fileno(out), STDERR_FILENO) >= 0,
          "the test could not redirect its output");
    live_once(w);
    (void)fflush(stdout);                 /* the plugin may have used stdio */
    (void)dup2(saved_out, STDOUT_FILENO); /* they were good before */
    (void)dup2(saved_err, STDERR_FILENO);
    (void)close(saved_out);
    (void)close(saved_err);
    char text[512] = "";
    rewind(out);
    const size_t len = fread(text, 1, sizeof text - 1, out);
    (void)fclose(out); /* it is temporary */
    CLAIM(len == 0, "the plugin printed: %s", text);
}

static void environment_is_read_in_store_open_alone(struct world *w)
{
    const void *code;
    memcpy(&code, &w->p->store_open, sizeof code); /* ISO C has no cast from function to object */
    world_open_store(w);
    CLAIM(environment_watch(code), "the test does not find the plugin's file in memory");
    live(w);
    every_verb_once(w);
    world_clear(w);
    CLAIM(environment_asked_for() == NULL, "the plugin asked for %s after store_open",
          environment_asked_for());
}

static const struct test manners_tests[] = {
    {"MANNER-1", "environment_and_locale_stay", environment_and_locale_stay, NEEDS_NO_STORE},
    {"MANNER-1", "umask_and_folder_stay", umask_and_folder_stay, NEEDS_NO_STORE},
    {"MANNER-1", "signal_handlers_and_mask_stay", signal_handlers_and_mask_stay, NEEDS_NO_STORE},
    {"MANNER-1", "descriptors_are_close_on_exec", descriptors_are_close_on_exec, NEEDS_NO_STORE},
    {"MANNER-1", "second_life_leaves_no_more_descriptors_and_threads",
     second_life_leaves_no_more_descriptors_and_threads, NEEDS_NO_STORE},
    {"MANNER-1", "nothing_is_printed", nothing_is_printed, NEEDS_NO_STORE},
    {"FORK-1 MANNER-1", "environment_is_read_in_store_open_alone",
     environment_is_read_in_store_open_alone, NEEDS_NO_STORE},
};

const struct family family_manners = FAMILY(manners);
