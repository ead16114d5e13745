/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials of a container: ECS tasks, EKS Pod Identity, and whoever speaks like them. */
#ifndef STSS3_CONTAINER_H
#define STSS3_CONTAINER_H

#include "source.h"

/* Asks config->who.container_url.  NULL: no memory. */
struct stss3_source *stss3_container_source_new(const struct stss3_tools *tools);

#endif
