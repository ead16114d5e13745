/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The credentials of an EC2 instance's role, by version 2 of its metadata service.  Version 1,
 * which answers anybody who can make us send a GET, is never used.
 *
 *   PUT /latest/api/token  ->  GET .../security-credentials/  ->  GET .../security-credentials/ROLE
 */
#ifndef STSS3_INSTANCE_H
#define STSS3_INSTANCE_H

#include "source.h"

/* Asks config->who.instance.  explain, when not NULL, is shown each failure before the first
 * success and may put it into other words.  NULL: no memory. */
struct stss3_source *stss3_instance_source_new(const struct stss3_tools *tools,
                                               void (*explain)(const struct stss3_tools *tools,
                                                               struct plug_error *error));

#endif
