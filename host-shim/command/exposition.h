/* SPDX-License-Identifier: Apache-2.0 */
/* exposition: knows Prometheus' text format: names, labels, buckets, lines. */
#ifndef COMMAND_EXPOSITION_H
#define COMMAND_EXPOSITION_H

#include "regstore.h"

#include <stdbool.h>
#include <stdio.h>

/* With the NUL. */
#define EXPOSITION_NAME_MAX   96
#define EXPOSITION_VALUE_MAX  128
#define EXPOSITION_LABELS_MAX 1024
#define EXPOSITION_BUCKETS    14

struct series {
    char labels[EXPOSITION_LABELS_MAX]; /* as they are printed, without the braces */
    double value;                       /* of a time: the sum */
    uint64_t count, buckets[EXPOSITION_BUCKETS];
};

struct family {
    char name[EXPOSITION_NAME_MAX];
    int32_t kind;
    struct series *series;
    size_t n;
};

/* The name with what the format does not know as "_". False: nothing is left, or it is too long. */
bool exposition_name(const char *name, char out[EXPOSITION_NAME_MAX]);

/* Location and labels, escaped; with each label's value "other" when is_other. False: too long. */
bool exposition_labels(const char *location, const struct regstore_pair *labels, size_t n,
                       bool is_other, char out[EXPOSITION_LABELS_MAX]);

void series_add(struct series *series, int32_t kind, double value);

/* HELP, TYPE and all lines. */
void family_print(FILE *out, const struct family *family);

#endif
