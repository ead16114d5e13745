/* SPDX-License-Identifier: Apache-2.0 */
/* A profile of AWS's files as a source.  What blocks here is for the worker. */
#ifndef STSS3_PROFILE_H
#define STSS3_PROFILE_H

#include "profile_plan.h"
#include "source.h"

/* Reads the files and makes the plan of config->who.profile.  A file that lies nowhere, and that
 * nobody named, is empty.  CONFIG also for a profile that was named and is not there, or that
 * sts_profile names and says nothing about credentials.  Blocks. */
regstore_status stss3_profile_read(const struct stss3_tools *tools, struct stss3_profile_plan *plan,
                                   struct plug_error *error);

/* The source that a plan speaks of, roles and all; it takes from the plan what it needs.  The plan
 * says more than NOTHING.  NULL: error says why. */
struct stss3_source *stss3_profile_source_new(const struct stss3_tools *tools,
                                              struct stss3_profile_plan *plan,
                                              struct plug_error *error);

#endif
