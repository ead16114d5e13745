/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: knows families, their series and buckets, and the places in memory they may take. */
#include "metrics.h"
#include "exposition.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* More than any plugin of ours has; what a plugin names beyond is summed up or counted as lost. */
#define FAMILIES_MAX 64
#define FAMILIES_OWN 3
#define SERIES_MAX   128

struct metrics {
    char *path;
    pthread_mutex_t lock; /* guards the rest */
    char location[EXPOSITION_VALUE_MAX];
    struct family families[FAMILIES_MAX + FAMILIES_OWN];
    size_t n_families, room; /* the plugin never takes the places of our own */
    double lost;
};

static struct metrics *refuse(struct metrics *metrics, const char *file, const char *why)
{
    fprintf(stderr, "regstore: --metrics %s: %s\n", file, why);
    metrics_free(metrics);
    return NULL;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
}

/* /dev/stdout may lead to a plain file. */
static bool is_stream(const struct stat *file, int stream)
{
    struct stat other;
    return fstat(stream, &other) == 0 && other.st_dev == file->st_dev &&
           other.st_ino == file->st_ino;
}

struct metrics *metrics_new(const char *file)
{
    struct stat there;
    if (strcmp(file, "-") == 0)
        return refuse(NULL, file, "a file is needed: it is put in its place when all is over");
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL)
        return refuse(NULL, file, "no memory");
    metrics->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    metrics->room = FAMILIES_MAX;
    const bool exists = stat(file, &there) == 0;
    if (exists && S_ISDIR(there.st_mode))
        return refuse(metrics, file, "it is a folder; a file is needed");
    if (exists && !S_ISREG(there.st_mode))
        return refuse(metrics, file, "it is no plain file, and would be replaced by one");
    if (exists && (is_stream(&there, STDOUT_FILENO) || is_stream(&there, STDERR_FILENO)))
        return refuse(metrics, file, "the command prints there; another file is needed");
    /* Of a link it is what it leads to that is replaced. */
    metrics->path = exists ? realpath(file, NULL) : strdup(file);
    char *folder = metrics->path == NULL ? NULL : folder_of(metrics->path);
    if (folder == NULL)
        return refuse(metrics, file, strerror(errno));
    const bool is_writable = access(folder, W_OK | X_OK) == 0;
    free(folder);
    if (!is_writable)
        return refuse(metrics, file, "its folder is not there, or nothing can be made in it");
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (size_t i = 0; i < metrics->n_families; i++)
        free(metrics->families[i].series);
    free(metrics->path);
    free(metrics);
}

void metrics_set_location(struct metrics *metrics, const char *location)
{
    (void)pthread_mutex_lock(&metrics->lock);
    (void)snprintf(metrics->location, sizeof(metrics->location), "%s", location);
    (void)pthread_mutex_unlock(&metrics->lock);
}

static struct family *find_family(struct metrics *metrics, int32_t kind, const char *name)
{
    char clean[EXPOSITION_NAME_MAX];
    if (!exposition_name(name, clean))
        return NULL;
    for (size_t i = 0; i < metrics->n_families; i++) {
        struct family *family = &metrics->families[i];
        if (strcmp(family->name, clean) == 0)
            return family->kind == kind ? family : NULL;
    }
    if (metrics->n_families == metrics->room)
        return NULL;
    struct family *family = &metrics->families[metrics->n_families];
    family->series = calloc(SERIES_MAX, sizeof(*family->series));
    if (family->series == NULL)
        return NULL;
    metrics->n_families++;
    memcpy(family->name, clean, sizeof(clean));
    family->kind = kind;
    return family;
}

static struct series *find_series(struct family *family, const char *labels)
{
    for (size_t i = 0; i < family->n; i++)
        if (strcmp(family->series[i].labels, labels) == 0)
            return &family->series[i];
    return NULL;
}

static struct series *add_series(struct family *family, const char *labels)
{
    struct series *series = &family->series[family->n++];
    (void)snprintf(series->labels, sizeof(series->labels), "%s", labels);
    return series;
}

/* The last place is kept for all that come when the others are taken: their sum is right. */
static struct series *place_of(struct metrics *metrics, struct family *family,
                               const struct regstore_pair *labels, size_t n)
{
    char text[EXPOSITION_LABELS_MAX];
    if (!exposition_labels(metrics->location, labels, n, false, text))
        return NULL;
    struct series *series = find_series(family, text);
    if (series != NULL)
        return series;
    if (family->n < SERIES_MAX - 1)
        return add_series(family, text);
    if (family->kind == REGSTORE_METRIC_GAUGE ||
        !exposition_labels(metrics->location, labels, n, true, text))
        return NULL; /* the last of several gauges says nothing */
    series = find_series(family, text);
    return series != NULL || family->n == SERIES_MAX ? series : add_series(family, text);
}

static bool is_sensible(int32_t kind, double value)
{
    if (kind != REGSTORE_METRIC_COUNT && kind != REGSTORE_METRIC_GAUGE &&
        kind != REGSTORE_METRIC_TIME)
        return false;
    /* A count never falls, and only numbers add up. */
    return value - value == 0 && (kind == REGSTORE_METRIC_GAUGE || value >= 0);
}

void metrics_take(struct metrics *metrics, int32_t kind, const char *name, double value,
                  const struct regstore_pair *labels, size_t n)
{
    (void)pthread_mutex_lock(&metrics->lock);
    struct family *family = is_sensible(kind, value) ? find_family(metrics, kind, name) : NULL;
    struct series *series = family == NULL ? NULL : place_of(metrics, family, labels, n);
    if (series == NULL)
        metrics->lost++;
    else
        series_add(series, kind, value);
    (void)pthread_mutex_unlock(&metrics->lock);
}

static void add_own(struct metrics *metrics, const char *command, int exit_status)
{
    struct timespec now;
    const struct regstore_pair label = {"command", command};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    metrics->room = FAMILIES_MAX + FAMILIES_OWN;
    metrics_take(metrics, REGSTORE_METRIC_GAUGE, "regstore_command_exit_status", exit_status,
                 &label, 1);
    metrics_take(metrics, REGSTORE_METRIC_GAUGE, "regstore_command_end_timestamp_seconds",
                 (double)now.tv_sec + (double)now.tv_nsec / 1e9, &label, 1);
    metrics_take(metrics, REGSTORE_METRIC_COUNT, "regstore_metrics_lost_total", metrics->lost, NULL,
                 0);
}

/* Closes file in any case. */
static bool fill(struct metrics *metrics, int file)
{
    FILE *out = fdopen(file, "w");
    if (out == NULL) {
        (void)close(file);
        return false;
    }
    for (size_t i = 0; i < metrics->n_families; i++)
        family_print(out, &metrics->families[i]);
    bool ok = fflush(out) == 0 && !ferror(out) && fchmod(file, 0644) == 0 && fsync(file) == 0;
    return fclose(out) == 0 && ok;
}

bool metrics_write(struct metrics *metrics, const char *command, int exit_status)
{
    char *fresh = NULL;
    bool ok = false;
    add_own(metrics, command, exit_status);
    if (asprintf(&fresh, "%s.XXXXXX", metrics->path) < 0)
        fresh = NULL;
    int file = fresh == NULL ? -1 : mkostemp(fresh, O_CLOEXEC);
    if (file >= 0) {
        ok = fill(metrics, file) && rename(fresh, metrics->path) == 0;
        if (!ok) {
            const int why = errno;
            (void)unlink(fresh); /* A name that stays is only untidy. */
            errno = why;
        }
    }
    if (!ok)
        fprintf(stderr, "regstore: cannot write the metrics to %s: %s\n", metrics->path,
                strerror(errno));
    free(fresh);
    return ok;
}
